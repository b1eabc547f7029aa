"""The home page of a workspace."""

from django.urls import path

from finetune_app.home.views import home

app_name = "home"
urlpatterns = [path("", home, name="home")]
