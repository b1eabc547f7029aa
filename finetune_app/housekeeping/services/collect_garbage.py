"""Take what nothing names out of the storage, beside everything else that goes on, without losing anything.

The order is what makes it safe:

1. List the blobs with their ages. What is put from now on is young, or not on the list.
2. Read everything that names blobs, after the listing. What is on the list, unnamed and older than the grace is
   condemned.
3. Read the names again. A row may have been copied from another that went away while the tables were read one after
   the other; by now it is there.
4. Take the condemned away, each only if it is still old at that moment (`storage/garbage.py`, `storage/renewal.py`).

What somebody needs after step 3 either was put within the grace, which step 4 sees, or was named all the time.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

from django.conf import settings
from django.utils import timezone

from finetune_app.accounts.models import Workspace
from finetune_app.errors import UserError
from finetune_app.housekeeping.amounts import Amount, StorageLook, age_groups
from finetune_app.housekeeping.kinds import Kind
from finetune_app.housekeeping.ledger import Ledger
from finetune_app.housekeeping.named_blobs import everything_named
from finetune_app.storage import garbage, incoming
from finetune_app.storage.garbage import COARSE_SECONDS

T = TypeVar("T")
STEPS = 4
AT_A_TIME = 1000
Report = Callable[[int, int], None]


def no_report(_done: int, _total: int) -> None:
    """Nobody asks how far it is."""


def collect_garbage(*, carry_out: bool, workspace: Workspace | None = None, report: Report = no_report) -> StorageLook:
    """Look at the whole storage and, if asked, take away what nothing names; what was found.

    Args:
        carry_out: False only looks.
        workspace: whose bytes `kinds` tells; None: everybody's.
        report: is told (steps done, steps in all), and may raise to end it, which leaves nothing half done.

    Raises:
        UserError: `storage_not_known`: it is to be carried out, and the database names nothing of what lies there.
    """
    grace = settings.GARBAGE_GRACE_SECONDS
    with Ledger(settings.WORK_FOLDER / "tidying") as ledger:
        report(0, STEPS)
        ledger.add(_told(garbage.stored_blobs(), report, 0))
        ledger.renew(_told(garbage.renewals(), report, 0))
        left = {name: size for name, size, age in incoming.stored() if garbage.is_old(age)}
        report(1, STEPS)
        _read_names(ledger, left, workspace, report, 1)
        old = grace + COARSE_SECONDS
        found = StorageLook(
            at=timezone.now(),
            kinds={kind: Amount.of(ledger.kind(kind)) for kind in Kind},
            unnamed={
                title: Amount.of(ledger.unnamed_between(begin, end))
                for title, (begin, end) in age_groups(grace).items()
            },
            collectable=Amount.of(ledger.unnamed_between(old, float("inf"))) + _files(left),
        )
        if not carry_out:
            return found
        if ledger.names_none():
            raise _another_storage()
        report(2, STEPS)
        if found.collectable.count:
            _read_names(ledger, left, workspace, report, 2)
        report(3, STEPS)
        removed = _take_away(ledger, old, report) + _files(left)
        for name in left:
            incoming.discard(name)
        unfinished = garbage.remove_unfinished()
        garbage.forget_dead_collectors()
        return found.model_copy(update={"removed": removed, "unfinished": unfinished})


def _another_storage() -> UserError:
    return UserError(
        "storage_not_known",
        "The database names nothing of what lies in the storage, so nothing was removed. Check that DATABASE_URL and "
        "STORAGE_URL belong together.",
    )


def _read_names(ledger: Ledger, left: dict[str, int], workspace: Workspace | None, report: Report, step: int) -> None:
    """Mark what is named; incoming files that are named are no longer `left`."""

    def names() -> Iterator[tuple[str, Kind | None]]:
        for row in _told(everything_named(ledger.has), report, step):
            kind = row.kind if workspace is None or row.workspace == workspace.pk else None
            for sha256 in row.blobs:
                yield sha256, kind
            if left:
                for name in row.incoming:
                    _keep_incoming(left, name)

    ledger.name(names())


def _keep_incoming(left: dict[str, int], name: str) -> None:
    for path in [path for path in left if name in path]:
        del left[path]


def _take_away(ledger: Ledger, old: float, report: Report) -> Amount:
    removed = Amount()
    condemned = ledger.unnamed(older_than=old)
    while batch := dict(islice(condemned, garbage.BATCH)):
        report(3, STEPS)
        gone: list[str] = []
        garbage.take_away(list(batch), gone.append)
        removed += Amount(count=len(gone), bytes=sum(batch[sha256] for sha256 in gone))
    renewed = ledger.renewed()
    while names := list(islice(renewed, garbage.BATCH)):
        report(3, STEPS)
        garbage.forget_renewals(names)
    return removed


def _files(left: dict[str, int]) -> Amount:
    return Amount(count=len(left), bytes=sum(left.values()))


def _told(items: Iterator[T], report: Report, step: int) -> Iterator[T]:
    """The items; `report` is asked now and then."""
    for number, item in enumerate(items, 1):
        if number % AT_A_TIME == 0:
            report(step, STEPS)
        yield item
