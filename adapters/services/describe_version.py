"""What people say of a version beside what it is: its notes and tags, and that they looked at it."""

from collections.abc import Iterable

from django.db import transaction

from adapters.models import AdapterVersion, VersionTag
from adapters.services.move_alias import lock_adapter
from adapters.services.move_version import clear_flag
from adapters.tags import check_tag, check_tags
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.errors import UserError

NOTES_LENGTH = 10_000
SEARCHED_NOTES = 290


def set_notes(access: Access, version: AdapterVersion, notes: str) -> None:
    """Replace the version's notes.

    Raises:
        UserError: `not_allowed`, `notes_too_long`.
    """
    access.require(Role.EDITOR)
    text = notes.replace("\r\n", "\n").strip()
    if len(text) > NOTES_LENGTH:
        raise UserError("notes_too_long", f"Notes have at most {NOTES_LENGTH:,} characters.", field="notes")
    AdapterVersion.objects.filter(pk=version.pk).update(notes=text, searched=searched(version.adapter.name, text))
    version.notes = text


def searched(name: str, notes: str) -> str:
    """What the search looks at: in lower case, which compares fast, and short enough for an index."""
    return f"{name}\n{notes.lower()[:SEARCHED_NOTES]}"


def set_tags(access: Access, version: AdapterVersion, tags: Iterable[str]) -> None:
    """Let the version have these tags and no others.

    Raises:
        UserError: `not_allowed`, `invalid_tag`, `too_many_tags`.
    """
    access.require(Role.EDITOR)
    wanted = check_tags(tags)
    with transaction.atomic():
        lock_adapter(version.adapter)
        version.tags.exclude(name__in=wanted).delete()
        _add(version, wanted)


def add_tag(access: Access, version: AdapterVersion, tag: str) -> str:
    """Put one more tag on the version, and give it as it was written.

    Raises:
        UserError: `not_allowed`, `invalid_tag`, `too_many_tags`.
    """
    access.require(Role.EDITOR)
    name = check_tag(tag)
    with transaction.atomic():
        lock_adapter(version.adapter)
        check_tags([*version.tags.values_list("name", flat=True), name], field="tag")
        _add(version, [name])
    return name


def remove_tag(access: Access, version: AdapterVersion, tag: str) -> None:
    """Take a tag away; one that is not there is no mistake.

    Raises:
        UserError: `not_allowed`.
    """
    access.require(Role.EDITOR)
    version.tags.filter(name=tag).delete()


def dismiss_flag(access: Access, version: AdapterVersion, seen: str) -> bool:
    """Somebody looked at the version because its flag said `seen`; False when it says something else by now.

    Raises:
        UserError: `not_allowed`.
    """
    access.require(Role.EDITOR)
    return clear_flag(version.pk, seen)


def _add(version: AdapterVersion, names: list[str]) -> None:
    VersionTag.objects.bulk_create([VersionTag(version=version, name=name) for name in names], ignore_conflicts=True)
