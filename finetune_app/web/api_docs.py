"""The docs page of the REST API: Swagger UI, from the copy that django-ninja brings, in the look of all pages."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase


class ApiDocs(DocsBase):
    """For `NinjaAPI(docs=ApiDocs())`; loads nothing from other sites."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        """The page; Swagger UI reads the OpenAPI document from its own address."""
        swagger_settings = {
            "url": self.get_openapi_url(api, kwargs),
            "layout": "BaseLayout",
            "deepLinking": True,
            "persistAuthorization": False,
            "defaultModelsExpandDepth": 0,
            "tryItOutEnabled": True,
        }
        return render(request, "api_docs.html", {"swagger_settings": swagger_settings})
