"""What `benchmarks/registry.py` asks for: the pages and REST calls of the registry, with every filter and order."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PAGES, REST = "/w/bench", "/api/v1"


@dataclass(frozen=True)
class Case:
    """One page or call: its address in the round of this number, and whether it needs a token."""

    name: str
    address: Callable[[int], str]

    @property
    def is_rest(self) -> bool:
        """Whether it is asked for with a token."""
        return self.address(0).startswith("/api/")


def cases() -> list[Case]:
    """Every list page and call of the registry."""
    from registry_rows import ALIAS_NAMES, BASES, DATASETS, NAMES, OWNERS, REVISIONS, TAG_NAMES

    from adapters.models import Adapter, AdapterVersion, Alias

    rng = random.Random(1)
    some = [
        (version.adapter.name, version.number)
        for version in AdapterVersion.objects.filter(
            pk__in=rng.sample(list(AdapterVersion.objects.values_list("pk", flat=True)), 200)
        ).select_related("adapter")
    ]
    aliased = [
        (alias.adapter.name, alias.name) for alias in Alias.objects.select_related("adapter").order_by("pk")[:200]
    ]
    largest = Adapter.objects.order_by("-last_number").values_list("name", flat=True)[0]

    def pick(items: Any, number: int) -> Any:
        return items[number % len(items)]

    def adapter(number: int) -> str:
        return str(pick(some, number)[0])

    def version(number: int) -> tuple[str, int]:
        return pick(some, number)

    def dataset(number: int) -> str:
        return f"dataset-{number * 7 % DATASETS:03}"

    def base(number: int) -> str:
        return f"base-{number % BASES:02}-7b-instruct"

    filters: dict[str, Callable[[int], str]] = {
        "no filter": lambda _: "",
        "a deep page": lambda n: f"offset={9_000 + n}",
        "by base": lambda n: f"base={base(n)}",
        "by base revision": lambda n: f"base={base(n)}@{1 + n % REVISIONS}",
        "by dataset": lambda n: f"dataset={dataset(n)}",
        "by method": lambda n: f"method={pick(('sft', 'dpo', 'orpo'), n)}",
        "by owner": lambda n: f"owner=person-{1 + n % (OWNERS - 1)}",
        "by alias": lambda n: f"alias={pick(ALIAS_NAMES, n)}",
        "by tag": lambda n: f"tag={pick(TAG_NAMES, n)}",
        "by base and method": lambda n: f"base={base(n)}&method={pick(('sft', 'dpo', 'orpo'), n)}",
        "by score": lambda n: f"metric=exact_match&min_score=0.{n % 10}",
        "by day": lambda n: f"made_from=2026-02-{1 + n % 28:02}&made_to=2026-03-{1 + n % 28:02}",
        "imported ones": lambda _: "origin=imported",
        "stale ones": lambda _: "status=stale",
        "retired ones, of which there are none": lambda _: "status=retired",
        "oldest first": lambda _: "order=oldest",
        "best first": lambda _: "metric=exact_match&order=best",
        "best of a base first": lambda n: f"metric=exact_match&order=best&base={base(n)}",
        "best first, deep": lambda n: f"metric=exact_match&order=best&offset={9_000 + n}",
        "words in few": lambda n: f"q={pick(NAMES, n)}+0{n % 9}99",
        "words in none": lambda n: f"q=nothing{n}",
        "everything at once": lambda n: (
            f"base={base(n)}&dataset={dataset(n)}&method=sft&owner=person-1&metric=exact_match&order=best&q=0"
        ),
        "by text": lambda n: f"q={pick(NAMES, n)}-0{n % 9}",
    }
    lists = [
        Case("adapters", lambda n: f"{PAGES}/adapters/?page={1 + n}"),
        Case("adapters by name", lambda n: f"{PAGES}/adapters/?q={pick(NAMES, n)}-0{n % 9}"),
        Case("adapters, a name that fits none", lambda n: f"{PAGES}/adapters/?q=nothing-{n}"),
        Case("one adapter", lambda n: f"{PAGES}/adapters/{adapter(n)}/"),
        Case("the largest adapter", lambda n: f"{PAGES}/adapters/{largest}/?page={1 + n}"),
        Case("one version", lambda n: "{}/adapters/{}/v/{}/".format(PAGES, *version(n))),
        Case("bases", lambda _: f"{PAGES}/bases/"),
        Case("one base", lambda n: f"{PAGES}/bases/{base(n)}/"),
        Case("one base revision", lambda n: f"{PAGES}/bases/{base(n)}/r/{1 + n % REVISIONS}/"),
        Case("compare two versions", lambda n: f"{PAGES}/compare/?v={'@'.join(map(str, version(n)))}&v={largest}@1"),
        Case("REST: adapters", lambda n: f"{REST}/adapters?limit=50&offset={50 * n}"),
        Case("REST: adapters by name", lambda n: f"{REST}/adapters?q={pick(NAMES, n)}-0{n % 9}"),
        Case("REST: one adapter", lambda n: f"{REST}/adapters/{adapter(n)}"),
        Case("REST: the largest adapter", lambda _: f"{REST}/adapters/{largest}"),
        Case("REST: one version", lambda n: "{}/adapters/{}/versions/{}".format(REST, *version(n))),
        Case("REST: a version by its alias", lambda n: "{}/adapters/{}/versions/{}".format(REST, *pick(aliased, n))),
        Case("REST: aliases", lambda n: f"{REST}/adapters/{pick(aliased, n)[0]}/aliases"),
        Case("REST: bases", lambda _: f"{REST}/base-models"),
        Case("REST: one base", lambda n: f"{REST}/base-models/{base(n)}"),
    ]
    return lists + filtered(filters)


def filtered(filters: dict[str, Callable[[int], str]]) -> list[Case]:
    """The page and the call that list versions of all adapters, with each filter."""

    def case(name: str, address: str, query: Callable[[int], str]) -> Case:
        return Case(name, lambda n: f"{address}?{query(n)}")

    pages = [case(f"versions, {name}", f"{PAGES}/adapters/versions", query) for name, query in filters.items()]
    calls = [case(f"REST: versions, {name}", f"{REST}/adapters/versions", query) for name, query in filters.items()]
    return pages + calls
