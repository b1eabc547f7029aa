"""Adapters: list, look, pull, move aliases."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Unpack
from urllib.parse import quote

from graft.errors import GraftError
from graft.imports import Imports
from graft.pulling import pull_archive, pull_folder, remote_archive
from graft.references import split_reference, version_address
from graft.sources import adapter_files, one_source
from graft.transport import Transport, body_of
from graft.types import Json, Progress, Rows, no_progress
from graft.verify import verify_folder
from graft.version_filters import VersionFilters, check_filters

if TYPE_CHECKING:
    from adapters.verify import Report

AnyPath = str | PathLike[str]


class Adapters:
    """`client.adapters`. A `reference` is `name` (its newest version), `name@3` or `name@production`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._imports = Imports(transport, "/adapters/imports")

    def list(self, *, q: str | None = None, limit: int | None = None) -> Rows:
        """The workspace's adapters by their newest version, by name; only those whose name contains `q`."""
        return self._transport.pages("/adapters", q=q, limit=limit)

    def get(self, name: str) -> Json:
        """An adapter with its newest versions, retired ones too."""
        return self._transport.get(f"/adapters/{quote(name, safe='')}")

    def versions(self, *, limit: int | None = None, **filters: Unpack[VersionFilters]) -> Rows:
        """Versions of all adapters, the newest first: `versions(base="tiny", metric="loss", order="best")`."""
        check_filters(filters)
        return self._transport.pages("/adapters/versions", limit=limit, **filters)

    def version(self, reference: str) -> Json:
        """One version: its manifest (files, base digests, lineage) and where to download everything."""
        return self._transport.get(self._address(reference))

    def pull(self, reference: str, folder: AnyPath | None = None, *, progress: Progress = no_progress) -> Path:
        """All files of a version in `folder` (`name-v3` here, when not given); the folder.

        It appears whole and with every SHA-256 checked, or not at all. What an earlier try has fetched is kept, and a
        folder that holds the version already stays as it is.

        Raises:
            GraftError: `folder_exists`, `pull_running`, `damaged`, `unreachable`; or what the server refused.
        """
        version = self.version(reference)
        chosen = Path(folder) if folder is not None else Path(f"{version['adapter']}-v{version['version']}")
        return pull_folder(self._transport, version, chosen.absolute(), progress=progress)

    def pull_zip(self, reference: str, path: AnyPath | None = None, *, progress: Progress = no_progress) -> Path:
        """The same as one zip (`name-v3.zip` here, when no path is given).

        Raises:
            GraftError: `file_exists`, `pull_running`, `damaged`, `unreachable`; or what the server refused.
        """
        version = self.version(reference)
        chosen = Path(path) if path is not None else Path(remote_archive(version).path)
        return pull_archive(self._transport, version, chosen.absolute(), progress=progress)

    def import_from(
        self,
        name: str,
        path: AnyPath | None = None,
        *,
        base: str,
        hub: str | None = None,
        shared: str | None = None,
        notes: str = "",
        wait: bool = True,
        progress: Progress = no_progress,
    ) -> Json:
        """Make an adapter from elsewhere the next version of `name`; the import, with the `version` that it became.

        Args:
            name: made when it is new.
            path: of this machine: a folder as PEFT saves it, or a zip or tar of one; or:
            base: the base revision that it is bound to, `tiny@2`, or `tiny` for the newest.
            hub: `owner/name` or `owner/name@revision` of the Hugging Face hub; or:
            shared: `source:path` in a folder that the server shares.
            notes: what others should know about it.
            wait: for the worker that checks it against the base; otherwise the import as it was queued.
            progress: told how far it is.

        Raises:
            GraftError: `one_source`; or why it is refused.
        """
        here = None if path is None else Path(path)
        source = one_source(hub=hub, shared=shared, here=here)
        order = {"name": name, "base": base, "notes": notes}
        if source is not None:
            begun = self._imports.of_source(source, order)
        else:
            begun = self._imports.of_files(adapter_files(Path(path or "")), order, progress)
        return self.wait(begun["id"], name=name, progress=progress) if wait else begun

    def wait(
        self, import_id: int, *, name: str = "adapter", progress: Progress = no_progress, timeout: float | None = None
    ) -> Json:
        """The import once it has succeeded; ending the wait does not end it.

        Raises:
            GraftError: why it was refused; `still_waiting` after `timeout` seconds.
        """
        return self._imports.wait(import_id, name=name, progress=progress, timeout=timeout)

    @staticmethod
    def verify(folder: AnyPath, *, manifest_sha256: str = "", progress: Progress = no_progress) -> "Report":
        """Compare a downloaded folder with its manifest; needs no server. See `is_whole` and `differences`.

        Raises:
            GraftError: `not_a_version`.
        """
        return verify_folder(Path(folder), manifest_sha256=manifest_sha256, progress=progress)

    def retire(self, reference: str, *, reason: str = "") -> Json:
        """Take a version out of use: lists show it no more and no alias may mean it. It stays, and downloads.

        Raises:
            GraftError: `version_has_alias`.
        """
        return self._change(reference, {"status": "retired", "reason": reason})

    def restore(self, reference: str) -> Json:
        """Put a retired version back into use."""
        return self._change(reference, {"status": "servable"})

    def describe(self, reference: str, *, notes: str | None = None, tags: Iterable[str] | None = None) -> Json:
        """Replace what people say of a version: its notes, all its tags, or both."""
        said = {"notes": notes, "tags": None if tags is None else list(tags)}
        return self._change(reference, {name: value for name, value in said.items() if value is not None})

    def link(self, reference: str, *, file: str = "", expires_in: int | None = None) -> Json:
        """A `url` that gives a version (or one `file` of it) to whoever has it, for `expires_in` seconds."""
        order = {"file": file} | ({} if expires_in is None else {"expires_in": expires_in})
        return self._transport.post(f"{self._address(reference)}/links", order)

    def aliases(self, name: str) -> Rows:
        """What each alias of an adapter means now, by name."""
        return self._transport.get_list(f"/adapters/{quote(name, safe='')}/aliases")

    def moves(self, name: str, alias: str | None = None, *, limit: int | None = None) -> Rows:
        """Who moved which alias from where to where, when and why; the newest first."""
        return self._transport.pages(f"/adapters/{quote(name, safe='')}/alias-moves", alias=alias, limit=limit)

    def promote(
        self, reference: str, alias: str = "production", *, reason: str = "", expect: int | None = None
    ) -> Json:
        """Let `alias` mean a version: what the alias says then, and in `before` the version that it meant until now.

        It is moved only if nobody else moves it at the same time.

        Args:
            reference: the version.
            alias: made when it is new.
            reason: why; kept with the move.
            expect: the version that it has to mean until now; 0: there is no such alias yet.

        Raises:
            GraftError: `alias_moved` when it means something else than expected, `adapter_version_retired`.
        """
        name, label = split_reference(reference)
        number = int(label) if label.isdigit() else int(self.version(reference)["version"])
        path = f"/adapters/{name}/aliases/{quote(alias, safe='')}"
        before, condition = self._seen(path)
        if expect is not None and expect != (before or 0):
            now = f"means v{before}" if before else "does not exist"
            raise GraftError("alias_moved", f"“{alias}” {now}, so it was not moved. Look again, then decide.")
        body = {"version": number, "reason": reason}
        moved = body_of(self._transport.ask("PUT", path, json=body, headers=condition))
        return moved | {"before": before}

    def undo(self, name: str, alias: str = "production") -> Json:
        """Take back the newest move of an alias; the new move that did so.

        Raises:
            GraftError: `alias_not_moved`: there is none.
        """
        moves = self.moves(name, alias, limit=1)
        if not moves:
            raise GraftError("alias_not_moved", f"“{alias}” of {name} was never moved.", status=404)
        return self._transport.post(f"/adapters/{quote(name, safe='')}/alias-moves/{moves[0]['id']}/undo")

    def _seen(self, path: str) -> tuple[int | None, dict[str, str]]:
        """What an alias means, and the header that lets only somebody move it who has seen that."""
        try:
            found = self._transport.get(path)
        except GraftError as error:
            if error.code != "alias_not_found":
                raise
            return None, {"If-None-Match": "*"}
        return int(found["version"]), {"If-Match": str(found["etag"])}

    def _change(self, reference: str, change: Json) -> Json:
        return body_of(self._transport.ask("PATCH", self._address(reference), json=change))

    def _address(self, reference: str) -> str:
        return version_address(self._transport, reference)
