"""How long a page of a large dataset version takes to look at, and what its index costs.

Run: `python benchmarks/look_at_rows.py [--rows 1000000] [--rounds 5]`. It writes its own chat rows into a temporary
folder, keeps them as a dataset version of a Graft of its own (SQLite, files on disk), and lets the worker's code index
them. Then it opens pages as a signed-in browser does, through Django and all its middleware but without a network:
the whole answer is timed, rendered rows included. `first` is the first time that the page is opened, `median` and
`worst` are of the rounds after it; what the server remembers of searches is thrown away before each of them. `again` is
the median of the same page opened with what it remembers, as when somebody pages on. Words are drawn by Zipf's law, so
that some stand in nearly every row and most in few.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from django.test import Client

    from finetune_app.datasets.models import DatasetVersion

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
VOCABULARY, SYLLABLES = 60_000, ("ba", "con", "de", "er", "fi", "gor", "in", "la", "mo", "ne", "pro", "ri", "sta", "tu")
BATCH = 2_000


def make_words() -> list[str]:
    """The vocabulary, the most common first: short words are common."""
    words: dict[str, None] = {}
    number = 0
    while len(words) < VOCABULARY:
        number += 1
        rest, word = number, ""
        while rest:
            rest, syllable = divmod(rest, len(SYLLABLES))
            word += SYLLABLES[syllable]
        words[word] = None
    return list(words)


def make_rows(count: int, words: list[str]) -> Iterator[dict[str, Any]]:
    """Chat rows of 60 to 240 words, a tenth of them held out."""
    rng = np.random.default_rng(7)
    chance = np.cumsum(1 / np.arange(1, VOCABULARY + 1))
    for start in range(0, count, BATCH):
        lengths = rng.integers(60, 240, size=min(BATCH, count - start)).tolist()
        drawn = np.searchsorted(chance, rng.random(sum(lengths)) * chance[-1]).tolist()
        for number, length in enumerate(lengths, start=start):
            said, drawn = [words[word] for word in drawn[:length]], drawn[length:]
            half = length // 2
            yield {
                "messages": [
                    {"role": "user", "content": " ".join(said[:half])},
                    {"role": "assistant", "content": " ".join(said[half:])},
                ],
                "split": "train" if number % 10 else "held_out",
            }


def write_rows(path: Path, count: int, words: list[str]) -> None:
    """The rows as JSONL."""
    with path.open("w") as file:
        for row in make_rows(count, words):
            file.write(json.dumps(row) + "\n")


def keep_version(path: Path, count: int) -> "DatasetVersion":
    """The file as the version `big@1` of the workspace `bench`, whose only member is the user `bench`."""
    from finetune_app.accounts.models import Membership, Role, User, Workspace
    from finetune_app.datasets.formats import FileFormat, RowForm
    from finetune_app.datasets.models import Dataset
    from finetune_app.storage import blobs

    workspace = Workspace.objects.create(slug="bench", name="Bench")
    Membership.objects.create(workspace=workspace, user=User.objects.create_user("bench"), role=Role.EDITOR)
    blob = blobs.put_file(path)
    version: DatasetVersion = Dataset.objects.create(workspace=workspace, name="big").versions.create(
        number=1,
        sha256=blob.sha256,
        size=blob.size,
        file_name=path.name,
        file_format=FileFormat.JSONL,
        row_form=RowForm.CHAT,
        rows=count,
    )
    return version


def index(version: "DatasetVersion") -> None:
    """Index the version as a worker does, and say what it took."""
    from finetune_app.datasets.models import DatasetTask
    from finetune_app.datasets.services.request_task import task_key
    from finetune_app.datasets.task_states import TaskKind
    from finetune_app.storage import blobs
    from finetune_app.work import run_task
    from workers.run_worker_task import run_worker_task

    DatasetTask.objects.create(version=version, kind=TaskKind.INDEX, key=task_key(TaskKind.INDEX, {}))
    task = run_task.claim_next_task("bench")
    if task is None:
        sys.exit("there is no task")
    start = time.perf_counter()
    run_worker_task(task)
    seconds = time.perf_counter() - start
    task.refresh_from_db()
    if task.state != "succeeded":
        sys.exit(f"the index failed: {task.error}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    sizes = {name: blobs.size(task.result[f"{name}_blob"]) / 1e6 for name in ("index", "search")}
    print(
        f"indexed in {seconds:.1f} s ({version.size / 1e6 / seconds:.0f} MB/s), peak {peak:.0f} MB; "
        f"index {sizes['index']:.0f} MB, words {sizes['search']:.0f} MB"
    )


def measure(count: int, words: list[str], rounds: int) -> None:
    """Open the pages and print how long each took, in milliseconds."""
    from django.test import Client

    from finetune_app.accounts.models import User
    from finetune_app.datasets import row_search

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="bench"))
    client.get("/w/bench/datasets/")  # the server has started before somebody looks at rows
    deep = {"page": count // 50}
    pages: dict[str, dict[str, Any]] = {
        "first page": {},
        "deep page": deep,
        "longest first, deep": {"sort": "longest", "page": count // 100},
        "held out, longer than 500, deep": {"split": "held_out", "min_chars": 500, "page": count // 1000},
        "the most common word": {"search": words[0]},
        "the most common word, deep": {"search": words[0], "page": count // 60},
        "a word in some rows": {"search": words[300]},
        "a rare word": {"search": words[50_000]},
        "three common words": {"search": " ".join(words[:3])},
        "a phrase of common words": {"search": f'"{words[0]} {words[1]}"'},
        "a phrase of three common words": {"search": f'"{words[0]} {words[1]} {words[2]}"'},
        "a phrase of two less common words": {"search": f'"{words[7]} {words[9]}"'},
        "a beginning, two letters": {"search": f"{words[40][:2]}*"},
        "a beginning, five letters": {"search": f"{words[4000][:5]}*"},
        "common word + filters + longest first": {"search": words[2], "split": "train", "sort": "longest"},
    }
    print(f"{'page':<40}{'matches':>10}{'first':>8}{'median':>8}{'worst':>8}{'again':>8}  ms")
    for name, query in pages.items():
        cold, again = [], []
        for _ in range(rounds + 1):
            row_search.forget_searches()
            seconds, matches = open_page(client, query)
            cold.append(seconds * 1000)
            again.append(open_page(client, query)[0] * 1000)
        first, *rest = cold
        print(
            f"{name:<40}{matches:>10,}{first:>8.0f}{statistics.median(rest):>8.0f}{max(rest):>8.0f}"
            f"{statistics.median(again):>8.0f}"
        )


def open_page(client: "Client", query: dict[str, Any]) -> tuple[float, int]:
    """Open a page of the version; how many seconds it took and how many rows match."""
    start = time.perf_counter()
    answer = client.get("/w/bench/datasets/big/v/1/rows", query)
    seconds = time.perf_counter() - start
    if answer.status_code != 200:  # noqa: PLR2004
        sys.exit(f"{query}: {answer.status_code}")
    return seconds, answer.context["page"].paginator.count


def main() -> None:
    """Write, index, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"GRAFT_HOME": folder, "DJANGO_SETTINGS_MODULE": "finetune_app.settings"}
        for name in ("DATABASE_URL", "STORAGE_URL"):
            os.environ.pop(name, None)
        import django
        from django.conf import settings
        from django.core.management import call_command
        from django.test.utils import setup_test_environment

        warnings.filterwarnings("ignore", message="No directory at")  # of collected static files, which nobody asks for
        settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        django.setup()
        setup_test_environment(debug=False)  # it keeps what a page was rendered with, so that matches can be counted
        call_command("migrate", verbosity=0)
        words = make_words()
        path = Path(folder, "rows.jsonl")
        write_rows(path, options.rows, words)
        print(f"{options.rows:,} chat rows, {path.stat().st_size / 1e6:,.0f} MB")
        index(keep_version(path, options.rows))
        measure(options.rows, words, options.rounds)


if __name__ == "__main__":
    main()
