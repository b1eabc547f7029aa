"""How long the lists, pages and REST calls of a registry with 100,000 versions take.

Run: `python benchmarks/registry.py [--versions 100000] [--adapters 10000] [--rounds 40]`. It fills a database of its
own (SQLite in a temporary folder; with DATABASE_URL an empty PostgreSQL database, which it leaves filled) and asks for
each page and REST call as a signed-in browser, or with a token, through Django and all its middleware but without a
network: the whole answer is timed, rendered rows included. Every round of a case asks for another adapter, page or
filter. Goal: 95 of 100 answers within 100 ms. The number of queries is that of the last round. `cpu` is the
processor time of this process, which other programs on the machine change less. `--explain` prints how the database
finds the rows of every slow query. See `registry_rows.py` for the rows and `registry_cases.py` for what is asked.
"""

import argparse
import logging
import os
import statistics
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.test import Client
    from registry_cases import Case

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
GOAL_MS, OK = 100, 200


class UnexpectedAnswer(Exception):
    """A page or call did not answer as it should."""


@dataclass(frozen=True)
class Measured:
    """Milliseconds of each round but the first one: by the clock, and of this process's processor time."""

    clock: list[float]
    processor: list[float]
    queries: list[str]


def measure(case: "Case", client: "Client", rounds: int) -> Measured:
    """Ask `rounds` times, once before to warm up, and once more to see the queries."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    clock, processor = [], []
    for number in range(rounds + 1):
        address = case.address(number)
        start, spent = time.perf_counter(), time.process_time()
        answer = client.get(address)
        clock.append((time.perf_counter() - start) * 1000)
        processor.append((time.process_time() - spent) * 1000)
        if answer.status_code != OK:
            raise UnexpectedAnswer(f"{address}: {answer.status_code}")
    with CaptureQueriesContext(connection) as captured:
        client.get(case.address(rounds + 1))
    return Measured(clock[1:], processor[1:], [query["sql"] for query in captured.captured_queries])


def explain(queries: list[str]) -> None:
    """Print how the database finds the rows of each query that takes long."""
    from django.db import connection

    way = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        for sql in queries:
            start = time.perf_counter()
            cursor.execute(sql)
            cursor.fetchall()
            seconds = time.perf_counter() - start
            if seconds * 1000 < GOAL_MS / 10:
                continue
            cursor.execute(f"{way} {sql}")
            print(f"    {seconds * 1000:.0f} ms  {sql[:120]} … {sql[sql.find(' FROM ') :][:900]}")
            for row in cursor.fetchall():
                print(f"        {row[-1]}")


def clients() -> tuple["Client", "Client"]:
    """A browser in which `bench` is signed in, and a client with a token."""
    from django.test import Client

    from finetune_app.accounts.models import ApiToken, User, Workspace

    user = User.objects.get(username="bench")
    browser = Client(SERVER_NAME="localhost", raise_request_exception=False)
    browser.force_login(user)
    text = "graft_of-the-benchmark"
    from registry_rows import hashlib

    ApiToken.objects.create(
        workspace=Workspace.objects.get(slug="bench"),
        user=user,
        name="benchmark",
        digest=hashlib.sha256(text.encode()).hexdigest(),
        start=text[:12],
    )
    return browser, Client(
        SERVER_NAME="localhost", raise_request_exception=False, headers={"authorization": f"Bearer {text}"}
    )


def fill(adapters: int, versions: int) -> None:
    """Write the rows."""
    from django.db import connection
    from registry_rows import make_adapters, make_bases, make_marks, make_people, make_versions

    from adapters.models import AdapterVersion

    start = time.perf_counter()
    workspace, people = make_people()
    bases = make_bases(workspace, people[0])
    make_versions(make_adapters(workspace, people, adapters), bases, people, versions)
    make_marks(versions)
    stale = AdapterVersion.objects.filter(status="stale").count()
    if connection.vendor == "postgresql":  # which does that by itself after a while; SQLite never does
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    print(f"{stale:,} stale; filled in {time.perf_counter() - start:.0f} s")


def main() -> None:
    """Fill, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=100_000)
    parser.add_argument("--adapters", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--keep", type=Path, help="a folder for the database; filled only when it is empty")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        os.environ |= {"GRAFT_HOME": str(folder), "DJANGO_SETTINGS_MODULE": "finetune_app.settings"}
        os.environ.pop("STORAGE_URL", None)
        import django
        from django.conf import settings
        from django.core.management import call_command

        logging.getLogger("django.request").setLevel(logging.CRITICAL)  # what fails stands in the table
        warnings.filterwarnings("ignore", message="No directory at")  # of collected static files, which nobody asks for
        settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        django.setup()
        call_command("migrate", verbosity=0)
        from finetune_app.accounts.models import ApiToken, Workspace

        if not Workspace.objects.exists():
            fill(options.adapters, options.versions)
        ApiToken.objects.all().delete()
        run(options)


def worst_of_20(times: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(times, n=20, method="inclusive")[-1]


def run(options: argparse.Namespace) -> None:
    """Print how long each case took."""
    from django.db import connection
    from registry_cases import PAGES, cases

    browser, rest = clients()
    browser.get(f"{PAGES}/")  # the server has started before somebody looks
    print(f"{connection.vendor}, {options.rounds} rounds, load average {os.getloadavg()[0]:.1f}")
    print(f"{'milliseconds':<48}{'p50':>8}{'p95':>8}{'max':>8}{'cpu p95':>10}{'queries':>10}")
    for case in cases():
        if options.only not in case.name:
            continue
        try:
            found = measure(case, rest if case.is_rest else browser, options.rounds)
        except UnexpectedAnswer as error:
            print(f"{case.name:<48}{error}")
            continue
        p95 = worst_of_20(found.clock)
        print(
            f"{case.name:<48}{statistics.median(found.clock):>8.0f}{p95:>8.0f}{max(found.clock):>8.0f}"
            f"{worst_of_20(found.processor):>10.0f}{len(found.queries):>10}{'' if p95 < GOAL_MS else '  over'}",
            flush=True,
        )
        if options.explain:
            explain(found.queries)
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
