"""A person's own pages, under /w/<workspace>/settings/."""

from django.urls import path

from finetune_app.accounts.hub_token_views import hub_token
from finetune_app.accounts.hub_token_views import remove as remove_hub_token
from finetune_app.accounts.limits_views import limits
from finetune_app.accounts.views import password, profile, revoke, tokens

app_name = "settings"
urlpatterns = [
    path("", profile, name="profile"),
    path("password", password, name="password"),
    path("limits", limits, name="limits"),
    path("hub-token", hub_token, name="hub_token"),
    path("hub-token/remove", remove_hub_token, name="remove_hub_token"),
    path("tokens", tokens, name="tokens"),
    path("tokens/<int:pk>/revoke", revoke, name="revoke_token"),
]
