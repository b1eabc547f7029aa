"""What the retention rule of a workspace lets go: looked at, or carried out."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from adapters.dependants import dependants_by_version
from adapters.models import AdapterVersion, Alias, RetentionRule, VersionTag
from adapters.services.delete_version import remove_version
from adapters.services.move_alias import lock_adapter
from finetune_app.accounts.models import Workspace
from finetune_app.errors import NotFound, UserError
from finetune_app.housekeeping.amounts import Amount, GoingVersion, RetentionLook, StayingVersion
from finetune_app.housekeeping.retention import KEEP_TAG, Candidate, Rule, Stay, decide

LISTED = 1000
AT_A_TIME = 500


def rule_of(workspace: Workspace) -> RetentionRule:
    """The workspace's rule; one that lets nothing go, and is not saved, when nobody made one."""
    return RetentionRule.objects.filter(workspace=workspace).first() or RetentionRule(workspace=workspace)


def look_at_retention(workspace: Workspace) -> RetentionLook:
    """Which versions would go now, and for the others why they stay."""
    return _look(_decide(workspace))


def apply_retention(workspace: Workspace) -> RetentionLook:
    """Delete what the rule lets go; `removed` says how many went.

    Each version is looked at again under its adapter's lock, so what somebody began to need meanwhile stays.
    """
    decided = _decide(workspace)
    look = _look(decided)
    removed = sum(_goes(decided.keys[version], decided.rule) for version in decided.going)
    RetentionRule.objects.filter(workspace=workspace).update(last_run_at=timezone.now())
    return look.model_copy(update={"removed": removed})


@dataclass(frozen=True)
class _Decided:
    """What the rule says of each version; the versions' primary keys, and the names of their adapters."""

    rule: RetentionRule
    keys: dict[Candidate, int]
    names: dict[int, str]
    reasons: dict[Candidate, Stay | None]

    @property
    def going(self) -> list[Candidate]:
        return [version for version, reason in self.reasons.items() if reason is None]

    def label(self, version: Candidate) -> str:
        return f"{self.names[version.adapter]}@{version.number}"


def _look(decided: _Decided) -> RetentionLook:
    going = decided.going
    sizes = dict(_sizes([decided.keys[version] for version in going]))
    staying = [(version, reason) for version, reason in decided.reasons.items() if reason is not None]
    return RetentionLook(
        keep_last=decided.rule.keep_last,
        keep_days=decided.rule.keep_days,
        going=Amount(count=len(going), bytes=sum(sizes.values())),
        versions=[
            GoingVersion(version=decided.label(version), bytes=sizes.get(decided.keys[version], 0))
            for version in going[:LISTED]
        ],
        staying={stay: count for stay in Stay if (count := sum(reason == stay for _, reason in staying))},
        stays=[
            StayingVersion(version=decided.label(version), reason=reason)
            for version, reason in _interesting(staying)[:LISTED]
        ],
    )


def _interesting(staying: list[tuple[Candidate, Stay]]) -> list[tuple[Candidate, Stay]]:
    """Those first that age alone does not explain."""
    obvious = (Stay.NO_RULE, Stay.LAST)
    return sorted(staying, key=lambda pair: pair[1] in obvious)


def _decide(workspace: Workspace) -> _Decided:
    rule = rule_of(workspace)
    versions = AdapterVersion.objects.filter(adapter__workspace=workspace)
    used = dependants_by_version(versions)
    aliases = set(Alias.objects.filter(adapter__workspace=workspace).values_list("version", flat=True))
    tags = VersionTag.objects.filter(version__adapter__workspace=workspace, name=KEEP_TAG)
    tagged = set(tags.values_list("version", flat=True))
    rows = versions.order_by("adapter", "number").values_list("pk", "adapter", "adapter__name", "number", "created_at")
    keys: dict[Candidate, int] = {}
    names: dict[int, str] = {}
    for key, adapter, name, number, made_at in rows.iterator():
        names[adapter] = name
        candidate = Candidate(
            adapter=adapter,
            number=number,
            made_at=made_at,
            has_alias=key in aliases,
            is_tagged=key in tagged,
            is_used=key in used,
        )
        keys[candidate] = key
    return _Decided(rule, keys, names, decide(keys, Rule(rule.keep_last, rule.keep_days), timezone.now()))


def _sizes(keys: list[int]) -> Iterator[tuple[int, int]]:
    """Bytes of the files of each version; files that several versions share count for each."""
    for start in range(0, len(keys), AT_A_TIME):
        found = AdapterVersion.objects.filter(pk__in=keys[start : start + AT_A_TIME])
        for key, files in found.values_list("pk", "manifest__files"):
            yield key, sum(int(file["size"]) for file in files)


def _goes(key: int, rule: RetentionRule) -> bool:
    with transaction.atomic():
        version = AdapterVersion.objects.select_related("adapter").filter(pk=key).first()
        if version is None or rule.keep_last is None:
            return False
        try:
            adapter = lock_adapter(version.adapter)
            newer = adapter.versions.filter(number__gt=version.number).count()
            if newer < rule.keep_last or version.tags.filter(name=KEEP_TAG).exists():
                return False
            remove_version(version, quickly=True)
        except (NotFound, UserError):
            return False  # somebody needs it since, or deleted it
    return True
