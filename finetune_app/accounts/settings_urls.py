"""A person's own pages, under /w/<workspace>/settings/."""

from django.urls import path

from finetune_app.accounts.limits_views import limits
from finetune_app.accounts.views import password, profile, revoke, tokens

app_name = "settings"
urlpatterns = [
    path("", profile, name="profile"),
    path("password", password, name="password"),
    path("limits", limits, name="limits"),
    path("tokens", tokens, name="tokens"),
    path("tokens/<int:pk>/revoke", revoke, name="revoke_token"),
]
