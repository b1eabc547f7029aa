"""The only ways to reach a workspace: who may see it and what they may do there.

Every view and every REST call begins here; the objects of a workspace are then reached through the `access.py` of
their app, which take the `Access` made here.
"""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from finetune_app.accounts.models import ApiToken, Membership, Role, User, Workspace
from finetune_app.errors import NotFound, UserError

ORDER = [Role.VIEWER, Role.EDITOR, Role.ADMIN]


@dataclass(frozen=True)
class Access:
    """One person in one workspace."""

    user: User
    workspace: Workspace
    role: Role

    def may(self, role: Role) -> bool:
        """Whether the person's role is `role` or more."""
        return ORDER.index(self.role) >= ORDER.index(role)

    def require(self, role: Role) -> None:
        """Refuse the person when the role is less than `role`.

        Raises:
            UserError: `not_allowed`, status 403.
        """
        if not self.may(role):
            raise UserError(
                "not_allowed",
                f"This needs the role “{role.value}” in the workspace; yours is “{self.role.value}”. Ask an admin.",
                status=403,
            )


def workspace_access(user: User | AnonymousUser, slug: str) -> Access:
    """The person's access to the workspace `slug`.

    Raises:
        UserError: `workspace_not_found`, status 404: no such workspace, or the person is not a member.
    """
    found = (
        Membership.objects.select_related("workspace", "user")
        .filter(workspace__slug=slug, user_id=user.pk or 0, user__is_active=True)
        .first()
    )
    if found is None:
        raise UserError(
            "workspace_not_found", f"There is no workspace “{slug}”, or you are not a member of it.", status=404
        )
    return Access(found.user, found.workspace, Role(found.role))


def first_workspace(user: User) -> Workspace | None:
    """Where a person lands who named no workspace."""
    found = Membership.objects.select_related("workspace").filter(user=user).order_by("id").first()
    return found.workspace if found else None


def tokens_of(access: Access) -> QuerySet[ApiToken]:
    """The valid API tokens that the person may see and revoke, newest first: their own, or all of them for an admin."""
    tokens = ApiToken.objects.filter(workspace=access.workspace, revoked_at=None).select_related("user")
    if not access.may(Role.ADMIN):
        tokens = tokens.filter(user=access.user)
    return tokens.order_by("-created_at", "-id")


def get_token(access: Access, pk: int) -> ApiToken:
    """One of `tokens_of`.

    Raises:
        NotFound: no such token, or not theirs, or revoked already.
    """
    found = tokens_of(access).filter(pk=pk).first()
    if found is None:
        raise NotFound("API token", str(pk))
    return found
