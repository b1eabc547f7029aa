"""Merged models over REST: their files."""

from typing import Self

from asgiref.sync import sync_to_async
from django.http import HttpResponseBase
from ninja import Field, Router, Schema

from adapters.direct_response import file_response
from adapters.download_api import file_answers
from adapters.labels import Label
from adapters.manifest import ManifestFile
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.merges.chosen import find_merged_model
from finetune_app.merges.downloads import answer_for, file_content, is_stored, listed_files
from finetune_app.merges.labels import MergedLabel
from finetune_app.merges.models import MergedModel
from finetune_app.merges.states import Verdict
from finetune_app.web.ranged import ranged_response
from finetune_app.web.schemas import ErrorOut

router = Router()
FILES = "/{name}/versions/{label:label}/merged/{merged:merged}/files"


class MergedFilesOut(Schema):
    """The files of a merged model; its numbers are those that this address means now."""

    adapter: str
    version: int
    number: int = Field(description="Among the merged models of its version.")
    base_revision: str
    verdict: Verdict = Field(description="A rejected one is given only to who names both numbers.")
    size: int = Field(description="Bytes of all files.")
    files: list[ManifestFile] = Field(description="`SHA256SUMS` among them.")

    @classmethod
    def of(cls, merged: MergedModel) -> Self:
        """As JSON."""
        return cls(
            adapter=merged.version.adapter.name,
            version=merged.version.number,
            number=merged.number,
            base_revision=str(merged.base_revision),
            verdict=Verdict(merged.verdict),
            size=merged.size,
            files=listed_files(merged),
        )


@router.get(
    FILES,
    response={200: MergedFilesOut, 404: ErrorOut, 409: ErrorOut},
    summary="The files of a merged model",
)
def list_files(request: ApiRequest, name: str, label: Label, merged: MergedLabel) -> MergedFilesOut:
    """`verified` in place of the number means the newest that is.

    By an alias, or as `verified`, only a verified one is given: 409 `merge_rejected` names the gates that failed.
    """
    return MergedFilesOut.of(find_merged_model(request.auth, name, label, merged))


@router.api_operation(["HEAD"], f"{FILES}/{{path:path}}", include_in_schema=False)
@router.get(
    f"{FILES}/{{path:path}}",
    url_name="merged_file",
    summary="Download a file of a merged model",
    openapi_extra=file_answers("application/octet-stream", direct=True),
)
async def download_file(
    request: ApiRequest, name: str, label: Label, merged: MergedLabel, path: str
) -> HttpResponseBase:
    """One file, or `SHA256SUMS`; takes ranges, and may be answered with 307 as those of adapter versions are."""
    found = await sync_to_async(find_merged_model)(request.auth, name, label, merged)
    content = file_content(found, path)
    answer = file_response(request, content) if is_stored(path) else ranged_response(request, content)
    return answer_for(found, answer)
