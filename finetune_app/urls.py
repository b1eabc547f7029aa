"""All addresses: sign-in, the pages of a workspace under /w/<workspace>/, REST under /api/v1/, health."""

from django.urls import include, path, register_converter

from finetune_app.api import api
from finetune_app.home.views import landing
from finetune_app.merges.labels import MergedConverter
from finetune_app.web.converters import LabelConverter, NameConverter

register_converter(NameConverter, "name")
register_converter(LabelConverter, "label")
register_converter(MergedConverter, "merged")

urlpatterns = [
    path("", landing, name="landing"),
    path("", include("finetune_app.accounts.urls")),
    path("health/", include("finetune_app.web.urls")),
    path("", include("adapters.link_urls")),
    path("api/v1/", include("finetune_app.uploads.rest_urls")),
    path("api/v1/", api.urls),
    path(
        "w/<slug:workspace>/",
        include(
            [
                path("", include("finetune_app.home.urls")),
                path("", include("finetune_app.uploads.urls")),
                path("", include("finetune_app.housekeeping.urls")),
                path("datasets/", include("finetune_app.inspection.urls")),
                path("jobs/", include("finetune_app.jobs.urls")),
                path("adapters/", include("adapters.urls")),
                path("adapters/", include("finetune_app.merges.urls")),
                path("adapters/", include("finetune_app.merges.download_urls")),
                path("adapters/", include("finetune_app.merges.export_urls")),
                path("bases/", include("adapters.base_urls")),
                path("bases/", include("finetune_app.upgrades.urls")),
                path("compare/", include("finetune_app.comparison.urls")),
                path("workers/", include("finetune_app.jobs.fleet_urls")),
                path("settings/", include("finetune_app.accounts.settings_urls")),
            ]
        ),
    ),
    path("", include("finetune_app.hub.urls")),
]
handler400 = "finetune_app.web.error_pages.bad_request"
handler403 = "finetune_app.web.error_pages.forbidden"
handler404 = "finetune_app.web.error_pages.not_found"
handler500 = "finetune_app.web.error_pages.server_error"
