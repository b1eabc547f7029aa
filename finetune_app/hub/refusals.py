"""Errors in the hub's words: the client's library knows by `X-Error-Code` which of its exceptions to raise."""

from urllib.parse import quote

from django.http import HttpResponse, JsonResponse

from finetune_app.hub.repo_names import RepoName


class HubRefusal(Exception):
    """What a repository's reader is told instead of an answer; `code` is one of the hub's, "" for none."""

    def __init__(self, status: int, code: str, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.headers["X-Error-Message"] = sentence.encode("ascii", "replace").decode()
        if code:
            self.headers["X-Error-Code"] = code

    def response(self) -> HttpResponse:
        """The answer."""
        return JsonResponse({"error": str(self)}, status=self.status, headers=self.headers)


def anonymous() -> HubRefusal:
    """Nobody reads without a token; whether the repository exists is not said."""
    sentence = "Set HF_TOKEN to a Graft API token of the workspace that the repository lies in."
    return HubRefusal(401, "RepoNotFound", sentence, WWW_Authenticate="Bearer")


def wrong_token() -> HubRefusal:
    """A token that does not exist or was revoked; the library looks for these words."""
    return HubRefusal(401, "", "Invalid credentials in Authorization header", WWW_Authenticate="Bearer")


def no_repository() -> HubRefusal:
    """There is none of that name that this token may read."""
    return HubRefusal(404, "RepoNotFound", "Repository not found")


def no_revision(revision: str, hint: str = "") -> HubRefusal:
    """The repository has no such revision."""
    return HubRefusal(404, "RevisionNotFound", f"Invalid rev id: {quote(revision)}{hint and '. '}{hint}")


def several_revisions(repo: RepoName, numbers: list[int]) -> HubRefusal:
    """A plain name says nothing about which revision is meant, and an adapter fits one of them only."""
    listed = ", ".join(str(number) for number in numbers)
    hint = f"{repo} has the revisions {listed}; name the one that you mean, as revision='{numbers[0]}'"
    return no_revision("main", hint)


def no_entry(commit: str) -> HubRefusal:
    """The revision has no such file or folder; with the commit, the library remembers that."""
    return HubRefusal(404, "EntryNotFound", "Entry not found", X_Repo_Commit=commit)
