"""Who a token stands for, over REST."""

from typing import Self

from ninja import Field, Router, Schema

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.web.schemas import ErrorOut

router = Router()


class WhoAmI(Schema):
    """A person in the workspace that the token belongs to."""

    user: str = Field(description="The name that they sign in with.")
    workspace: str = Field(description="As it stands in addresses.")
    workspace_name: str
    role: Role

    @classmethod
    def of(cls, access: Access) -> Self:
        """The answer for `access`."""
        team = access.workspace
        return cls(user=access.user.username, workspace=team.slug, workspace_name=team.name, role=access.role)


@router.get("", response={200: WhoAmI, 401: ErrorOut}, summary="Who the token stands for")
def whoami(request: ApiRequest) -> WhoAmI:
    """The person, the workspace and what they may do there; 401 when the token is not valid."""
    return WhoAmI.of(request.auth)
