"""How long the collection of garbage takes, and how much memory: `python benchmarks/collect_garbage.py FOLDER [BLOBS]`.

A folder storage with so many blobs (names of a few files, so that they take no room), a SQLite database whose rows name
all but one in a hundred, fifty each. A look, then a run that takes the unnamed away, each in a process of its own; the
memory is what that process had at its peak, with Django and all that it imports.
"""

import hashlib
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

BLOBS = 1_000_000
NAMES_IN_A_ROW = 50
UNNAMED_EACH = 100
LINKS = 30_000  # names that one file may have
ROWS_AT_ONCE = 500
OLD = (1, 1)


def main() -> None:
    """Make it, then measure."""
    folder = Path(sys.argv[1]).resolve()
    count = int(sys.argv[2]) if len(sys.argv) > 2 else BLOBS  # noqa: PLR2004
    os.environ |= {"GRAFT_HOME": str(folder), "DATABASE_URL": "", "STORAGE_URL": ""}
    if len(sys.argv) > 3:  # noqa: PLR2004
        measure(carry_out=sys.argv[3] == "run")
        return
    folder.mkdir()
    try:
        prepare(folder, count)
        for what in ("look", "run", "look"):
            subprocess.run([sys.executable, __file__, str(folder), str(count), what], check=True)
    finally:
        shutil.rmtree(folder)


def digests(count: int) -> Iterator[str]:
    """Names of blobs."""
    return (hashlib.sha256(str(number).encode()).hexdigest() for number in range(count))


def prepare(folder: Path, count: int) -> None:
    """The storage and the rows."""
    set_up()
    from django.core.management import call_command

    from adapters.models import RegistryTask
    from finetune_app.accounts.models import Workspace

    call_command("migrate", verbosity=0)
    for number, sha256 in enumerate(digests(count)):
        source = folder / f"source-{number // LINKS}"
        if number % LINKS == 0:
            source.write_bytes(b"content")
            os.utime(source, OLD)
        place = folder / "storage" / "blobs" / sha256[:2] / sha256[2:4]
        place.mkdir(parents=True, exist_ok=True)
        os.link(source, place / sha256)
    team = Workspace.objects.create(slug="team", name="Team")
    named = (sha256 for number, sha256 in enumerate(digests(count)) if number % UNNAMED_EACH)
    rows = (
        RegistryTask(workspace=team, kind="tidy", key=names[0], result={"blobs": names})
        for names in iter(lambda: list(islice(named, NAMES_IN_A_ROW)), [])
    )
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        RegistryTask.objects.bulk_create(batch)


def set_up() -> None:
    """Django, with the folder's settings."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    os.environ["DJANGO_SETTINGS_MODULE"] = "finetune_app.settings"
    import django

    django.setup()


def measure(*, carry_out: bool) -> None:
    """One look or run."""
    set_up()
    from finetune_app.housekeeping.services.collect_garbage import collect_garbage

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, computing = time.perf_counter(), time.process_time()
    found = collect_garbage(carry_out=carry_out)
    seconds, computing = time.perf_counter() - start, time.process_time() - computing
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    blobs = sum(amount.count for amount in [*found.kinds.values(), *found.unnamed.values()])
    print(
        f"{'run' if carry_out else 'look'}: {blobs:,} blobs, {found.collectable.count:,} to go, "
        f"{found.removed.count:,} went; {seconds:.1f} s, {computing:.1f} s of them on a core; "
        f"peak {peak / 1024:.0f} MB, {before / 1024:.0f} MB before"
    )


if __name__ == "__main__":
    main()
