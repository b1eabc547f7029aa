"""How the hub's libraries name repositories: `workspace/name`, or a plain name. Pure."""

from dataclasses import dataclass

from adapters.commits import COMMIT_DIGITS

HEX = frozenset("0123456789abcdef")


class RepoConverter:
    """`<repo:NAME>` in an address: what may be a repository's name, whether or not there is one."""

    regex = r"[A-Za-z0-9_][\w.-]*(?:/[\w.-]+)?"

    def to_python(self, value: str) -> "RepoName":
        """The name in its parts."""
        owner, _, name = value.rpartition("/")
        return RepoName(owner, name)

    def to_url(self, value: "RepoName") -> str:
        """The name as it stands in the address."""
        return str(value)


@dataclass(frozen=True)
class RepoName:
    """A repository: `owner` is a workspace's slug; "" when only a name was given."""

    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}" if self.owner else self.name


def is_commit(revision: str) -> bool:
    """Whether it looks like a commit."""
    return len(revision) == COMMIT_DIGITS and set(revision) <= HEX
