"""The workspace's token for the Hugging Face hub over REST: it can be set, never read."""

from datetime import datetime

from ninja import Field, Router, Schema, Status
from pydantic import ConfigDict, SecretStr

from finetune_app.accounts.hub_token import hub_token_of, is_readable
from finetune_app.accounts.models import HubToken
from finetune_app.accounts.services.set_hub_token import remove_hub_token, set_hub_token
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.web.schemas import ErrorOut

router = Router()


class HubTokenOut(Schema):
    """What is known of it."""

    is_set: bool
    is_readable: bool = Field(
        False, description="False, too, when it was kept with a secret key that is gone: set it again."
    )
    end: str = Field("", description="Its last characters, to tell tokens apart.")
    set_by: str | None = None
    set_at: datetime | None = None

    @classmethod
    def of(cls, token: HubToken | None) -> "HubTokenOut":
        """That of the workspace, which may have none."""
        if token is None:
            return cls(is_set=False, is_readable=False, end="")
        return cls(
            is_set=True,
            is_readable=is_readable(token),
            end=token.end,
            set_by=token.set_by.username if token.set_by else None,
            set_at=token.set_at,
        )


class HubTokenIn(Schema):
    """A token that may write to the repositories that merged models are to go to."""

    model_config = ConfigDict(extra="forbid")

    token: SecretStr = Field(description="Such as hf_…; it is kept encrypted and never shown.")


@router.get("", response=HubTokenOut, summary="Whether the workspace has a token for the hub")
def show(request: ApiRequest) -> HubTokenOut:
    """Merged models are pushed to the Hugging Face hub with it."""
    return HubTokenOut.of(hub_token_of(request.auth.workspace))


@router.put("", response={200: HubTokenOut, 403: ErrorOut, 422: ErrorOut}, summary="Set the workspace's hub token")
def change(request: ApiRequest, payload: HubTokenIn) -> HubTokenOut:
    """For admins. It takes the place of the one before."""
    return HubTokenOut.of(set_hub_token(request.auth, token=payload.token.get_secret_value()))


@router.delete("", response={204: None, 403: ErrorOut}, summary="Forget the workspace's hub token")
def remove(request: ApiRequest) -> Status[None]:
    """For admins. Nothing happens when there is none."""
    remove_hub_token(request.auth)
    return Status(204, None)
