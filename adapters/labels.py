"""Addresses that name a version by its number or by an alias."""

from typing import Annotated, TypeVar

from django.http import HttpResponseBase
from ninja import Path

from adapters.models import AdapterVersion
from finetune_app.web.ranged import ASK_AGAIN

Label = Annotated[int | str, Path(description="Its number, or an alias like `production`.")]
R = TypeVar("R", bound=HttpResponseBase)


def answer_for(label: int | str, version: AdapterVersion, response: R) -> R:
    """The response, kept by a browser only until it asks again when an alias was its address: the alias may move."""
    if isinstance(label, str) and response.status_code < 400:  # noqa: PLR2004 - what is no error
        response["Cache-Control"] = ASK_AGAIN
        response["Graft-Version"] = str(version)
    return response
