"""Signing in and out."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from finetune_app.accounts.sign_in_views import SignIn, sign_in_by_link

app_name = "accounts"
urlpatterns = [
    path("sign-in", SignIn.as_view(), name="sign_in"),
    path("sign-in/<str:token>", sign_in_by_link, name="sign_in_link"),
    path("sign-out", LogoutView.as_view(), name="sign_out"),
]
