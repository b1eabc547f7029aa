"""The people of the tests: workspace `team` with an owner, an editor and a viewer, and an outsider with a workspace of
their own."""

import hashlib
import secrets
from dataclasses import dataclass

from django.test import Client

from finetune_app.accounts.access import Access, workspace_access
from finetune_app.accounts.models import ApiToken, Membership, Role, User, Workspace

PASSWORD = "grafting-apples-in-april"


@dataclass(frozen=True)
class Cast:
    """`owner` (admin), `editor` and `viewer` are members of `team`; `outsider` is admin of `elsewhere` only."""

    team: Workspace
    elsewhere: Workspace
    owner: User
    editor: User
    viewer: User
    outsider: User

    def access(self, user: User) -> Access:
        """What `user` may do in the workspace they belong to."""
        return workspace_access(user, self.elsewhere.slug if user == self.outsider else self.team.slug)

    def client(self, user: User) -> Client:
        """A browser in which `user` is signed in."""
        client = Client()
        client.force_login(user)
        return client

    def api(self, user: User) -> Client:
        """A REST client that sends a real token of `user` for their workspace."""
        return Client(headers={"authorization": f"Bearer {self.token(user)}"})

    def token(self, user: User) -> str:
        """The text of a new token of `user` for their workspace."""
        text = f"graft_{secrets.token_urlsafe(32)}"
        ApiToken.objects.create(
            workspace=self.access(user).workspace,
            user=user,
            name="of the test",
            digest=hashlib.sha256(text.encode()).hexdigest(),
            start=text[:12],
        )
        return text


def make_cast() -> Cast:
    """Everybody, in the database."""
    team = Workspace.objects.create(slug="team", name="Team")
    elsewhere = Workspace.objects.create(slug="elsewhere", name="Elsewhere")
    people = {
        name: User.objects.create_user(name, password=PASSWORD) for name in ("owner", "editor", "viewer", "outsider")
    }
    for name, workspace, role in (
        ("owner", team, Role.ADMIN),
        ("editor", team, Role.EDITOR),
        ("viewer", team, Role.VIEWER),
        ("outsider", elsewhere, Role.ADMIN),
    ):
        Membership.objects.create(workspace=workspace, user=people[name], role=role)
    return Cast(team=team, elsewhere=elsewhere, **people)
