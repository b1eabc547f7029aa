"""What a search means, and the files of this machine that answer it."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from finetune_app.datasets import local_files
from finetune_app.datasets.local_files import local_file
from finetune_app.datasets.row_search import find_positions, highlighter, make_search_file, match_query
from finetune_app.storage import blobs

TEXTS = ["Where is my parcel?", "snake_case and e-mail", "naïve café", "日本語 text", ""]


@pytest.fixture(scope="module")
def search_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("search") / "with %3F and ? in its name.sqlite"
    make_search_file(path, enumerate(TEXTS))
    return path


@pytest.mark.parametrize(
    ("search", "query"),
    [
        ("", ""),
        ("  ", ""),
        ("... !", ""),
        ("where parcel", '"where" AND "parcel"'),
        ('"is my" p*', '"is my" AND "p*"'),
        ("pa*", '"pa*"*'),
        ('"is m', '"is" AND "m"'),
        ('"is my pa"*', '"is my pa"*'),
        ("a OR b", '"a" AND "OR" AND "b"'),
        ("日本", '"日  本"'),
    ],
)
def test_a_search_becomes_words_and_phrases(search: str, query: str) -> None:
    assert match_query(search) == query


@pytest.mark.parametrize(
    ("search", "positions"),
    [
        ("parcel where", [0]),
        ('"where is"', [0]),
        ('"is where"', []),
        ("snake_case", [1]),
        ("case_snake", []),
        ("E-Mail", [1]),
        ("NAIVE café", [2]),
        ("日本", [3]),
        ("本日", []),
        ("p*", []),
        ("pa*", [0]),
        ("", []),
        ("nothing", []),
    ],
)
def test_words_are_found(search_file: Path, search: str, positions: list[int]) -> None:
    assert find_positions(search_file, search).tolist() == positions


@given(search=st.text(max_size=250))
def test_any_search_has_an_answer(search_file: Path, search: str) -> None:
    assert set(find_positions(search_file, search).tolist()) <= set(range(len(TEXTS)))
    if pattern := highlighter(search):
        assert all(found[0] for text in TEXTS for found in pattern.finditer(text))


def test_of_local_files_the_least_recently_used_goes(
    storage_folder: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WORK_FOLDER = tmp_path / "work"
    monkeypatch.setattr(local_files, "LIMIT_BYTES", 25)
    first, second, third = (blobs.put_bytes(letter * 10).sha256 for letter in (b"a", b"b", b"c"))
    for sha256, age in ((first, 100), (second, 200)):
        os.utime(local_file(sha256).parent, (age, age))
    with local_file(first).open("rb") as opened:  # looked at again, so the second is the older one
        assert local_file(third).read_bytes() == b"c" * 10
        assert sorted(path.name for path in (tmp_path / "work" / "indexes").iterdir()) == sorted([first, third])
        assert opened.read() == b"a" * 10
    assert local_file(second).read_bytes() == b"b" * 10
