"""The address of signed links; their text has colons, which no name has, so it is no other address."""

from django.urls import re_path

from adapters import link_views

urlpatterns = [
    re_path(r"^d/(?P<signed>[\w.-]+:[\w-]+:[\w-]+)/(?P<name>[^/]+)$", link_views.follow_link, name="download_link")
]
