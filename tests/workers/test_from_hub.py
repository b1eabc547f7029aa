"""Datasets of the hub: what is fetched, what is refused, and that nothing else is contacted. The server is a real one.

The libraries read their settings when they are imported, which takes seconds: one process fetches all that a test of
this module looks at, in the order of `ORDERS`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from finetune_app.jobs.states import Phase
from tests.hub_server import Asked, Hub, commit_of, serve_hub
from tests.workers.hub_datasets import FOREIGN, LANGUAGES, LARGE, MOVED_AWAY, ORDERS, ROWS, SHARDS, of, repos
from workers.progress import Progress
from workers.start_program import ROOT

LIMIT = 10_000_000


@dataclass
class Answer:
    """What came of one order."""

    folder: Path
    fetched: dict[str, Any] = field(default_factory=dict)
    refused: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [file["file_name"] for file in self.fetched["files"]]

    @property
    def contents(self) -> list[bytes]:
        contents = [(self.folder / file["path"]).read_bytes() for file in self.fetched["files"]]
        assert [len(content) for content in contents] == [file["size"] for file in self.fetched["files"]]
        return contents

    @property
    def downloaded(self) -> list[tuple[int, int]]:
        return [(event["done"], event["total"]) for event in self.events if event["type"] == "phase"]


@dataclass
class Fetches:
    """What the process did, and the server that it asked."""

    hub: Hub
    answers: dict[str, Answer]
    home: Path

    def __getitem__(self, name: str) -> Answer:
        return self.answers[name]

    def refused(self, name: str, code: str, field: str = "") -> str:
        """The sentence of a refusal."""
        refused = self[name].refused
        assert (refused.get("code"), refused.get("field", "")) == (code, field), refused or self[name].fetched
        return str(refused["message"])


def run(orders: dict[str, dict[str, Any]], folder: Path, settings: dict[str, str]) -> dict[str, Answer]:
    """Fetch each in a process of its own settings; a proxy is set for all that is not on this machine."""
    answers = {name: Answer(folder / name) for name in orders}
    lines = [
        json.dumps({"folder": str(answers[name].folder), "limit": LIMIT} | order) for name, order in orders.items()
    ]
    env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.workers.programs.hub_fetch"],
        cwd=ROOT,
        input="\n".join(lines),
        env=env | {"HOME": str(folder / "home"), "NO_PROXY": "127.0.0.1"} | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    waiting = iter(answers.values())
    answer = next(waiting)
    for said in map(json.loads, ended.stdout.splitlines()):
        if "type" in said:
            answer.events.append(said)
            continue
        answer.fetched, answer.refused = said.get("fetched", {}), said.get("refused", {})
        answer = next(waiting, answer)
    return answers


@pytest.fixture(scope="module")
def fetches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fetches]:
    folder = tmp_path_factory.mktemp("hub")
    with serve_hub(repos(), page_size=5) as hub:
        hub.cut_once["cut.jsonl"] = hub.reset_once["reset.jsonl"] = len(LARGE) // 2

        def push_in_between(asked: Asked) -> None:
            if "team/moving/resolve" in asked.path:
                hub.repos["team/moving"].push({"train.jsonl": MOVED_AWAY})

        hub.on_asked = push_in_between
        proxies = dict.fromkeys(["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"], hub.url)
        answers = run(ORDERS, folder, proxies | {"HF_ENDPOINT": f"{hub.url}/"})
        yield Fetches(hub, answers, folder / "home")


def test_a_dataset_of_one_file_is_fetched_as_it_was_pushed(fetches: Fetches) -> None:
    answer = fetches["one file"]
    assert answer.fetched == {
        "files": [{"path": "hub/train.jsonl", "file_name": "train.jsonl", "size": len(ROWS)}],
        "pins": {
            "commit": fetches.hub.repos["team/chats"].branches["main"],
            "subset": "default",
            "split": "train",
        },
    }
    assert answer.contents == [ROWS]


def test_several_files_come_in_the_order_of_their_rows(fetches: Fetches) -> None:
    assert fetches["shards"].names == sorted(SHARDS)
    assert fetches["shards"].contents == [SHARDS[name] for name in sorted(SHARDS)]


def test_packed_files_are_fetched_packed(fetches: Fetches) -> None:
    assert fetches["packed"].names == ["train-0.csv.gz", "train-1.csv.zst"]


def test_the_card_of_the_dataset_says_which_files_a_subset_and_a_split_have(fetches: Fetches) -> None:
    answer = fetches["chosen subset"]
    assert answer.names == ["de/b.parquet", "de/a.parquet"]  # the card's order
    assert answer.contents == [LANGUAGES["de/b.parquet"], LANGUAGES["de/a.parquet"]]
    assert (answer.fetched["pins"]["subset"], answer.fetched["pins"]["split"]) == ("german", "train")
    assert fetches["chosen split"].names == ["de/test.parquet"]
    assert fetches["only split"].names == ["en/0.parquet"]


def test_the_default_subset_is_taken_when_none_is_named(fetches: Fetches) -> None:
    assert fetches["default subset"].names == ["whole.csv"]
    assert fetches["default subset"].fetched["pins"]["subset"] == "whole"


def test_a_revision_may_be_a_tag(fetches: Fetches) -> None:
    assert fetches["tag"].names == ["old.jsonl"]


def test_a_push_in_between_changes_nothing(fetches: Fetches) -> None:
    answer = fetches["moving branch"]
    assert fetches.hub.repos["team/moving"].branches["main"] == commit_of({"train.jsonl": MOVED_AWAY})
    assert answer.fetched["pins"]["commit"] == commit_of({"train.jsonl": ROWS})
    assert answer.contents == [ROWS]


def test_subsets_and_splits_to_choose_from_are_listed(fetches: Fetches) -> None:
    languages = [{"choices": ["english", "german"]}]
    said = fetches.refused("no subset", "subset_needed", "subset")
    assert said == "team/languages has several subsets. Choose one of these: english, german."
    assert fetches["no subset"].refused["details"] == languages
    said = fetches.refused("unknown subset", "subset_unknown", "subset")
    assert said == "team/languages has no subset “french”. Choose one of these: english, german."
    assert fetches["unknown subset"].refused["details"] == languages
    said = fetches.refused("no split", "split_needed", "split")
    assert said == "team/halves has several splits. Choose one of these: validation, test."
    said = fetches.refused("unknown split", "split_unknown", "split")
    assert said == "team/halves has no split “train”. Choose one of these: validation, test."
    assert fetches["unknown split"].refused["details"] == [{"choices": ["validation", "test"]}]


def test_of_many_choices_a_few_are_named_and_all_are_in_the_details(fetches: Fetches) -> None:
    said = fetches.refused("one of many subsets", "subset_needed", "subset")
    assert said.endswith("Choose one of these: s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 and 4 more.")
    assert len(fetches["one of many subsets"].refused["details"][0]["choices"]) == 14


def test_more_bytes_than_the_limit_are_refused_before_they_are_downloaded(fetches: Fetches) -> None:
    fetches.refused("too large", "import_too_large")
    assert fetches["too large"].downloaded == []
    assert len(fetches.hub.downloads("train-0.jsonl")) == 1  # those of “large”


def test_the_bytes_that_are_here_are_told(fetches: Fetches) -> None:
    total = 2 * len(LARGE)
    told = fetches["large"].downloaded
    assert told[0] == (0, total)
    assert told[-1] == (total, total)
    assert told == sorted(set(told))


def test_the_bytes_of_a_file_that_comes_in_chunks_of_xet_are_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    from huggingface_hub.utils._xet_progress_reporting import XetDownloadProgressReporter

    from workers.hub.repo_files import AllBars

    bars = AllBars(Progress(Phase.DOWNLOADING, 100))
    reporter = XetDownloadProgressReporter(reconstruction_desc="", total=100, log_level=0, tqdm_class=bars)
    with reporter:
        for done in (40, 100):
            reporter.update_progress(
                SimpleNamespace(
                    total_bytes=100,
                    total_bytes_completed=done,
                    total_bytes_completion_rate=1.0,
                    total_transfer_bytes_completed=done // 2,
                    total_transfer_bytes_completion_rate=1.0,
                )
            )
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(event["done"], event["total"]) for event in told] == [(40, 100), (100, 100)]


def test_a_download_that_breaks_off_goes_on_where_it_was(fetches: Fetches) -> None:
    assert fetches["cut"].contents == [LARGE]
    first, second = fetches.hub.downloads("cut.jsonl")
    assert first.byte_range == ""
    assert 0 < int(second.byte_range.removeprefix("bytes=").rstrip("-")) <= len(LARGE) // 2
    assert fetches["cut"].downloaded[-1] == (len(LARGE), len(LARGE))


def test_a_connection_that_is_reset_is_tried_again(fetches: Fetches) -> None:
    assert fetches["reset"].contents == [LARGE]
    assert len(fetches.hub.downloads("reset.jsonl")) == 2
    assert fetches["reset"].downloaded[-1] == (len(LARGE), len(LARGE))


def test_a_private_dataset_is_fetched_with_the_token_of_the_workers(fetches: Fetches) -> None:
    assert fetches["private with token"].contents == [ROWS]
    assert "HF_TOKEN" in fetches.refused("private without token", "hub_not_found", "repo_id")


def test_a_gated_dataset_is_fetched_once_access_is_granted(fetches: Fetches) -> None:
    said = fetches.refused("gated", "hub_gated", "repo_id")
    assert "Ask for access on its page" in said
    assert fetches["gated with access"].contents == [ROWS]


def test_a_token_that_the_hub_does_not_know_is_named(fetches: Fetches) -> None:
    said = fetches.refused("wrong token", "hub_refused")
    assert "(401 Invalid credentials in Authorization header). Ask the administrator whether the HF_TOKEN" in said


def test_a_dataset_that_is_not_there_is_refused(fetches: Fetches) -> None:
    said = fetches.refused("missing", "hub_not_found", "repo_id")
    assert said.startswith("The hub shows no dataset team/missing. Check the name;")
    said = fetches.refused("unknown revision", "revision_unknown", "revision")
    assert said == "team/tagged has no revision “v2”. Name a branch, a tag or a whole commit."
    said = fetches.refused("malformed", "invalid_repo_id", "repo_id")
    assert "Write owner/name" in said


def test_a_hub_that_stays_broken_is_named_after_some_tries(fetches: Fetches) -> None:
    said = fetches.refused("broken", "hub_unreachable")
    assert said.startswith(f"The hub at {fetches.hub.url} does not answer as it should (503 Be back soon). Try again")
    assert sum("team/broken" in asked.path for asked in fetches.hub.asked) == 3
    assert [event["type"] for event in fetches["broken"].events] == ["log", "log"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("images", "The split “train” of team/images has files that hold no rows for Graft (.png)."),
        ("archive", "The split “train” of team/archive has files that hold no rows for Graft (.tar)."),
        ("models", "In team/models are no files of rows to be found; it holds .safetensors, vocabulary ("),
        ("unreadable", "In team/unreadable are no files of rows to be found; it holds .jsonl ("),
    ],
)
def test_a_dataset_of_other_files_is_refused_with_what_was_found(fetches: Fetches, name: str, found: str) -> None:
    said = fetches.refused(name, "hub_no_rows", "repo_id")
    assert said.startswith(found)
    assert said.endswith("Choose one that is made of JSONL, JSON, CSV, TSV or Parquet files.")


def test_a_script_of_a_dataset_is_never_run(fetches: Fetches) -> None:
    said = fetches.refused("scripted", "hub_no_rows", "repo_id")
    assert said.startswith("team/scripted is made by a script (scripted.py), which Graft does not run.")
    assert "Try the revision refs/convert/parquet" in said
    assert fetches["scripted, as Parquet"].names == ["default/train/0000.parquet"]


@pytest.mark.parametrize("number", range(len(FOREIGN)))
def test_a_card_cannot_name_files_outside_of_its_dataset(fetches: Fetches, number: int) -> None:
    assert "lies outside of the dataset" in fetches.refused(f"foreign {number}", "hub_no_rows", "repo_id")


def test_nothing_but_the_named_hub_is_contacted(fetches: Fetches) -> None:
    assert fetches.hub.asked_as_proxy == []


def test_nothing_is_left_in_the_home_of_the_worker(fetches: Fetches) -> None:
    assert not fetches.home.exists()


def test_a_hub_that_is_not_there_is_named(tmp_path: Path) -> None:
    with serve_hub({}) as hub:
        gone = hub.url
    answers = run({"gone": of("chats")}, tmp_path, {"HF_ENDPOINT": gone})
    assert answers["gone"].refused["code"] == "hub_unreachable"
    assert "(ConnectError)" in answers["gone"].refused["message"]


def test_the_administrator_can_forbid_it(tmp_path: Path) -> None:
    with serve_hub(repos()) as hub:
        answers = run({"offline": of("chats")}, tmp_path, {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "1"})
        assert hub.asked == []
    assert answers["offline"].refused["code"] == "hub_offline"
