"""The rows of a large registry for `benchmarks/registry.py`: one workspace, written in bulk, the same for one seed.

What the lists look at is as it would be: names, digests, statuses, scores, manifests of the size that a job's version
has (config, facts, samples, files), an adapter with very many versions and many with few. No file lies in the storage.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from adapters.models import Adapter, AdapterVersion, BaseRevision
    from finetune_app.accounts.models import User, Workspace

SEED = 5
BATCH = 1_000
OWNERS, DATASETS, BASES, REVISIONS = 20, 300, 25, 4
LARGEST = 2_000  # versions of the largest adapter
STALE, ALIASES, TAGS, CONTINUES, RETRAINS = 0.003, 0.05, 0.2, 0.05, 0.01  # for each version
NAMES = ("support", "triage", "legal", "billing", "summary", "router", "sql", "tone", "extract", "code")
TAG_NAMES = ("reviewed", "candidate", "german", "q3", "long-context", "cheap", "demo", "customer-a", "old")
DIGESTS = ("weights_root", "arch_digest", "tokenizer_digest", "chat_template_digest")
ALIAS_NAMES = ("production", "challenger", "previous", "staging")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
T = TypeVar("T")


def digest(*parts: object) -> str:
    """A SHA-256 that stands for these."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items, some at a time."""
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def make_people() -> tuple["Workspace", list["User"]]:
    """The workspace `bench` and its editors; `bench` is the first."""
    from finetune_app.accounts.models import Membership, Role, User, Workspace

    workspace = Workspace.objects.create(slug="bench", name="Bench")
    names = ["bench", *(f"person-{number}" for number in range(1, OWNERS))]
    people = [User.objects.create(username=name, password="!") for name in names]
    Membership.objects.bulk_create(Membership(workspace=workspace, user=one, role=Role.EDITOR) for one in people)
    return workspace, people


def make_bases(workspace: "Workspace", owner: "User") -> list["BaseRevision"]:
    """Base models, each with some revisions."""
    from adapters.models import BaseModel, BaseRevision

    revisions = []
    for number in range(BASES):
        base = BaseModel.objects.create(workspace=workspace, name=f"base-{number:02}-7b-instruct")
        for revision in range(1, 1 + REVISIONS):
            digests = {name: digest(number, revision, name) for name in DIGESTS}
            revisions.append(
                BaseRevision.objects.create(
                    base_model=base,
                    number=revision,
                    leaves_sha256=digest("leaves", number, revision),
                    files=[
                        {"path": f"model-{part}.safetensors", "size": 4_900_000_000, "sha256": digest(number, part)}
                        for part in range(6)
                    ],
                    architecture="LlamaForCausalLM",
                    parameters=6_738_415_616,
                    dtype="BF16",
                    linear_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
                    source="made by the benchmark",
                    created_by=owner,
                    **digests,
                )
            )
    return revisions


def make_adapters(workspace: "Workspace", owners: list["User"], count: int) -> list["Adapter"]:
    """Adapters without versions."""
    from adapters.models import Adapter

    rows = [
        Adapter(
            workspace=workspace,
            name=f"{NAMES[number % len(NAMES)]}-{number:05}",
            created_by=owners[number % len(owners)],
        )
        for number in range(count)
    ]
    for some in batches(rows):
        Adapter.objects.bulk_create(some)
    return list(Adapter.objects.filter(workspace=workspace).select_related("workspace").order_by("id"))


def make_versions(adapters: list["Adapter"], bases: list["BaseRevision"], owners: list["User"], count: int) -> None:
    """Versions in the order in which they were made, across all adapters; then each adapter's newest one."""
    from django.db.models import Max, OuterRef, Subquery

    from adapters.models import Adapter, AdapterVersion

    rng = random.Random(SEED)
    largest = min(LARGEST, count // 10)
    line = [0] * largest + list(range(len(adapters))) + rng.choices(range(1, len(adapters)), k=count)
    line = line[:count]
    rng.shuffle(line)
    numbers: dict[int, int] = {}
    before: dict[int, int] = {}  # a version of each adapter
    some: list[AdapterVersion] = []
    for made, place in enumerate(line):
        numbers[place] = numbers.get(place, 0) + 1
        one = _version(rng, adapters[place], numbers[place], made, bases=bases, owners=owners)
        drawn = rng.random()
        if drawn < CONTINUES:
            one.continues_id = before.get(one.adapter_id)
        elif drawn < CONTINUES + RETRAINS:
            one.retrains_id = before.get(one.adapter_id)
        some.append(one)
        if len(some) == BATCH or made == count - 1:
            before |= {kept.adapter_id: kept.pk for kept in AdapterVersion.objects.bulk_create(some)}
            some = []
    newest = AdapterVersion.objects.filter(adapter=OuterRef("pk")).order_by("-number")
    Adapter.objects.update(newest=Subquery(newest.values("pk")[:1]), last_number=Subquery(newest.values("number")[:1]))
    shown = Adapter.objects.aggregate(Max("last_number"))["last_number__max"]
    print(f"{count:,} versions of {len(adapters):,} adapters; the largest has {shown:,}")


def make_marks(versions: int) -> None:
    """Aliases with their moves, and tags."""
    from adapters.models import AdapterVersion, Alias, AliasMove, VersionTag

    rng = random.Random(SEED)
    keys = list(AdapterVersion.objects.order_by("id").values_list("pk", "adapter_id", "number"))
    taken: set[tuple[int, str]] = set()
    aliases, moves = [], []
    while len(aliases) < int(versions * ALIASES):
        version, adapter, number = rng.choice(keys)
        name = rng.choice(ALIAS_NAMES)
        if (adapter, name) in taken:
            continue
        taken.add((adapter, name))
        aliases.append(Alias(adapter_id=adapter, name=name, version_id=version, moves=2))
        moves += [
            AliasMove(adapter_id=adapter, name=name, from_number=before, to_number=number, reason="It scored best.")
            for before in (None, max(1, number - 1))
        ]
    chosen = rng.sample(keys, int(versions * TAGS))
    tags = [VersionTag(version_id=version, name=rng.choice(TAG_NAMES)) for version, _, _ in chosen]
    for rows in (aliases, moves, tags):
        for some in batches(rows):
            type(some[0]).objects.bulk_create(some)
    print(f"{len(aliases):,} aliases, {len(tags):,} tags")


def _version(
    rng: random.Random,
    adapter: "Adapter",
    number: int,
    made: int,
    *,
    bases: list["BaseRevision"],
    owners: list["User"],
) -> "AdapterVersion":
    from adapters.manifest import Manifest
    from adapters.models import AdapterVersion
    from adapters.states import VersionOrigin, VersionStatus

    base = bases[(adapter.pk * 7 + number // 5) % len(bases)]
    dataset = adapter.pk % DATASETS
    created_at = BEGIN + timedelta(minutes=3 * made)
    key = digest("version", adapter.pk, number)
    lineage = _lineage(rng, dataset, number, made)
    manifest = Manifest.model_validate(
        {
            "adapter": adapter.name,
            "version": number,
            "created_at": created_at,
            "base": {"name": base.base_model.name, "revision": base.number}
            | {one: getattr(base, one) for one in DIGESTS},
            "files": [
                {"path": path, "size": size, "sha256": digest(key, path)}
                for path, size in (
                    ("README.md", 3_900),
                    ("adapter_config.json", 1_100),
                    ("adapter_model.safetensors", 67_155_000),
                    ("chat_template.jinja", 1_800),
                    ("tokenizer.json", 3_500_000),
                    ("tokenizer_config.json", 900),
                )
            ],
            "lineage": lineage,
        }
    )
    is_stale = rng.random() < STALE
    notes = "Tried with a higher rank." if made % 9 == 0 else ""
    return AdapterVersion(
        workspace=adapter.workspace,
        adapter=adapter,
        number=number,
        base_revision=base,
        manifest=manifest.model_dump(mode="json"),
        manifest_sha256=key,
        manifest_size=9_000,
        archive_size=70_700_000 + rng.randrange(1_000_000),
        archive_sha256=digest("zip", key),
        archive_layout_sha256=digest("layout", key),
        tar_sha256=digest("tar", key),
        source_key=f"bench-{adapter.pk}-{number}",
        origin=VersionOrigin.IMPORTED if made % 20 == 0 else VersionOrigin.TRAINED,
        method=lineage["config"]["method"],
        dataset=lineage["dataset"],
        dataset_version=lineage["dataset_version"],
        score_name="exact_match",
        score=lineage["scores"]["tuned"]["exact_match"],
        recipe_digest=digest("recipe", adapter.pk, number),
        status=VersionStatus.STALE if is_stale else VersionStatus.SERVABLE,
        status_reason=f"{base.base_model.name} moved on to weights that it does not fit." if is_stale else "",
        notes=notes,
        searched=f"{adapter.name}\n{notes}",
        created_by=owners[rng.randrange(len(owners))],
        created_at=created_at,
    )


def _lineage(rng: random.Random, dataset: int, number: int, job: int) -> dict[str, Any]:
    from finetune_app.jobs.methods.sft import SFTOptions

    method = rng.choice(("sft", "sft", "sft", "dpo", "orpo", "kto"))
    tuned = {"exact_match": rng.random(), "token_accuracy": 0.9 + rng.random() / 10, "loss": rng.random()}
    text = "My parcel has not come, and nobody answers the telephone. " * 4
    return {
        "job": job + 1,
        "dataset": f"dataset-{dataset:03}",
        "dataset_version": 1 + number % 6,
        "dataset_sha256": digest("dataset", dataset, number % 6),
        "config": SFTOptions(r=rng.choice((8, 16, 32, 64))).model_dump(mode="json") | {"method": method},
        "libraries": {"torch": "2.13.0", "transformers": "5.23.0", "peft": "0.21.2", "trl": "1.16.0"},
        "seed": 42,
        "facts": {"device": "NVIDIA H100", "steps": 400, "tokens_per_second": 11_190.0, "peak_memory": {"gpu": 14.7e9}},
        "scores": {
            "rows": 30,
            "base": {"exact_match": 0.02, "token_accuracy": 0.41, "loss": 3.2},
            "tuned": tuned,
            "samples": [{"prompt": text, "expected": text, "base": text, "tuned": text} for _ in range(4)],
        },
    }
