"""Archives: what lies in them, and the files that are wanted, never more bytes and never anywhere else.

Nothing is extracted by the libraries' own `extract`: each wanted file is copied to a name that is chosen here.
"""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TypeVar, cast

from finetune_app.datasets.unpack import open_unpacked
from finetune_app.errors import UserError
from workers.child import stop_if_asked

ZIP_ENDINGS, TAR_ENDINGS = (".zip",), (".tar", ".tar.gz", ".tgz", ".tar.zst")
ARCHIVE_ENDINGS = (*ZIP_ENDINGS, *TAR_ENDINGS)
COPY_BYTES = 1024 * 1024
MAX_MEMBERS = 10_000
TAR_ROOM_BYTES = 1024 * 1024  # a tar has more bytes than the files in it
ENCRYPTED = 0x1

DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # zipfile's word for a way of compressing that it does not know
    UnicodeDecodeError,
)
M = TypeVar("M")
Picker = Callable[[list[str]], Mapping[str, str]]


def is_archive(name: str) -> bool:
    """Whether a file of this name is unpacked."""
    return name.lower().endswith(ARCHIVE_ENDINGS)


def unpack(archive: Path, name: str, folder: Path, pick: Picker, *, limit: int) -> None:
    """Put the files that `pick` chooses into `folder`.

    Args:
        archive: the file.
        name: as people call it; its ending says what it is.
        folder: made here.
        pick: gets the paths of all files in the archive, and says under which path which of them is wanted.
        limit: bytes of the wanted files together; for a tar of all that comes before the last of them.

    Raises:
        UserError: `archive_damaged`, `archive_encrypted`, `archive_too_large`, `archive_unsafe`, or what `pick` raises.
    """
    with _explained(name):
        if name.lower().endswith(ZIP_ENDINGS):
            _unzip(archive, folder, pick, limit)
        else:
            _untar(archive, folder, pick, limit)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        if error.code == "unpacked_too_large":
            raise _too_large() from None
        if error.code == "damaged_file":
            raise _damaged(name) from None
        raise
    except DAMAGE as error:
        raise _damaged(name) from error
    except RuntimeError as error:
        if "password" not in str(error):
            raise
        raise _encrypted() from error


def _unzip(archive: Path, folder: Path, pick: Picker, limit: int) -> None:
    with zipfile.ZipFile(archive) as opened:
        files: dict[str, zipfile.ZipInfo] = {}
        for member in opened.infolist():
            if not member.is_dir() and not stat.S_ISLNK(member.external_attr >> 16):
                _add(files, member.filename, member)
        wanted = pick(list(files))
        left = limit
        for path, source in wanted.items():
            if files[source].flag_bits & ENCRYPTED:
                raise _encrypted()
            with opened.open(files[source]) as file:
                left -= _copy(file, folder / path, left)


def _untar(archive: Path, folder: Path, pick: Picker, limit: int) -> None:
    files: dict[str, tarfile.TarInfo] = {}
    for member, _ in _members(archive, limit):
        _add(files, member.name, member)
    names = {source: path for path, source in pick(list(files)).items()}
    for member, file in _members(archive, limit):
        if path := names.get(_plain(member.name)):
            _copy(file, folder / path, limit)


def _members(archive: Path, limit: int) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """The plain files, one after the other. Links, devices and sparse files are passed over."""
    with (
        archive.open("rb") as packed,
        open_unpacked(packed, limit=limit + TAR_ROOM_BYTES) as plain,
        tarfile.open(fileobj=plain, mode="r|") as opened,
    ):
        for member in opened:
            if member.size > limit:
                raise _too_large()
            if member.isreg() and not member.issparse():
                yield member, cast("IO[bytes]", opened.extractfile(member))


def _add(files: dict[str, M], name: str, member: M) -> None:
    stop_if_asked()
    plain = _plain(name)
    if plain in files or len(files) >= MAX_MEMBERS:
        raise UserError(
            "archive_unsafe",
            f"The archive holds “{plain[:80]}” twice, or more than {MAX_MEMBERS:,} files. Pack the adapter's folder by "
            "itself.",
        )
    files[plain] = member


def _plain(name: str) -> str:
    """The path as one that stays where it is unpacked."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or not name.isprintable():
        raise UserError(
            "archive_unsafe",
            f"The archive holds a file that wants to lie elsewhere (“{name[:80]}”). Nothing was unpacked. Pack the "
            "adapter's folder anew.",
        )
    return str(path)


def _copy(file: IO[bytes], to: Path, limit: int) -> int:
    """Copy it, how many bytes it says it has notwithstanding; the bytes that it had."""
    to.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with to.open("xb") as copy:
        while chunk := file.read(COPY_BYTES):
            stop_if_asked()
            count += len(chunk)
            if count > limit:
                raise _too_large()
            copy.write(chunk)
    return count


def _damaged(name: str) -> UserError:
    return UserError("archive_damaged", f"{name} is damaged or ends too early. Pack it again, and send it once more.")


def _encrypted() -> UserError:
    return UserError("archive_encrypted", "The archive is locked with a password. Pack it without one.")


def _too_large() -> UserError:
    return UserError(
        "archive_too_large",
        "Unpacked, the archive is larger than an adapter may be. Pack the adapter's folder by itself, or ask the "
        "administrator to raise GRAFT_UPLOAD_LIMIT_MB.",
    )
