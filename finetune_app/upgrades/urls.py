"""Addresses of the upgrade pages, below /w/<workspace>/bases/."""

from django.urls import path

from finetune_app.upgrades import views

app_name = "upgrades"
urlpatterns = [
    path("<name:name>/r/<int:number>/upgrade/", views.upgrade, name="upgrade"),
    path("<name:name>/r/<int:number>/upgrade/retrain", views.retrain, name="retrain"),
]
