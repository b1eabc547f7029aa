"""Rows of common words are kept beside the words: a search is answered faster by them, and never otherwise."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from finetune_app.datasets import common_words, fetch_ahead, row_search, row_words
from finetune_app.datasets.row_search import find_positions, forget_searches, make_search_file, match_query
from finetune_app.datasets.row_words import matching
from finetune_app.datasets.services import look_at_rows
from finetune_app.storage import blobs
from tests.cast import Cast
from tests.datasets.indexed import indexed
from tests.datasets.makers import chat

WORDS = ("the", "of", "The", "naïve", "NAIVE", "Ünï", "unı", "天", "天气", "e-mail", "x", "42", "rare")
texts = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
pieces = st.one_of(
    st.sampled_from((*WORDS, "of*", "th*", "²", "-", "nowhere")),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(lambda words: f'"{" ".join(words)}"'),
    st.text(max_size=5),
)
searches = st.lists(pieces, min_size=1, max_size=4).map(" ".join)


@pytest.fixture
def every_file_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common_words, "FEWEST_ROWS", 1)


def make(folder: Path, rows: list[str], total: int | None = None) -> Path:
    path = folder / "search.sqlite"
    make_search_file(path, enumerate(rows), len(rows) if total is None else total)
    return path


def kept(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as base:
        if not base.execute("SELECT 1 FROM sqlite_master WHERE name = 'common'").fetchone():
            return set()
        return {term for (term,) in base.execute("SELECT term FROM common")}


@given(rows=st.lists(texts, min_size=1, max_size=40), asked=st.lists(searches, min_size=1, max_size=8))
@example(rows=["the of", "of the", "the"], asked=['"the of"', "the of", '"of the" the', "the of*"])
@settings(deadline=None, max_examples=80)
def test_what_is_found_is_what_fts5_finds(rows: list[str], asked: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(common_words, "FEWEST_ROWS", 1)
        path = make(Path(folder), rows)
        for search in asked:
            query = match_query(search)
            plain = matching(path, query).tolist() if query else []
            assert find_positions(path, search).tolist() == plain
            assert find_positions(path, search).tolist() == plain


def test_common_words_and_pairs_are_kept_as_bits(tmp_path: Path, every_file_has_them: None) -> None:
    rows = ["The end of the day"] * 5 + ["the café", "rare"] * 2 + ["nothing"]
    path = make(tmp_path, rows)
    words, pairs = {"the", "end", "of", "day", "cafe", "rare"}, {"the end", "end of", "of the", "the day"}
    assert kept(path) == words | pairs
    assert find_positions(path, "the").tolist() == [0, 1, 2, 3, 4, 5, 7]
    (tmp_path / "more").mkdir()
    assert kept(make(tmp_path / "more", [*rows, *["nothing"] * 8])) == {"the", "end", "of", "day", "nothing"}


def test_what_is_kept_needs_no_fts5(tmp_path: Path, every_file_has_them: None, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path, ["one of the best", "the best of one", "of the", "rare of the"] * 3)
    assert {"of the", "the", "of"} <= kept(path)
    asked = []

    def ask(path: Path, query: str, start: int = 0, end: int = 2**62) -> row_words.Positions:
        asked.append(query)
        return matching(path, query, start, end)

    monkeypatch.setattr(row_words, "matching", ask)
    assert find_positions(path, '"OF the" the').tolist() == [0, 2, 3, 4, 6, 7, 8, 10, 11]
    assert asked == []
    assert find_positions(path, '"of the" rar* one').tolist() == []
    assert set(asked) == {'"rar*"*'}


@pytest.mark.parametrize(
    ("search", "ranges"), [("th*", 3), ("the*", 1), ('"in th*"', 3), ('"th in the"*', 1), ("th* rare*", 1)]
)
def test_what_is_left_to_fts5_is_asked_for_side_by_side(
    tmp_path: Path, every_file_has_them: None, monkeypatch: pytest.MonkeyPatch, search: str, ranges: int
) -> None:
    monkeypatch.setattr(row_words, "THREADS", 3)
    path = make(tmp_path, ["then in the", "in that", "rare"] * 4)
    asked: list[str] = []
    monkeypatch.setattr(row_words, "matching", lambda *query: [asked.append(query[1]), matching(*query)][1])
    query = match_query(search)
    assert find_positions(path, search).tolist() == matching(path, query).tolist()
    assert asked == [query] * ranges


def test_words_are_learned_from_a_sample(
    tmp_path: Path, every_file_has_them: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common_words, "SAMPLE_ROWS", 10)
    monkeypatch.setattr(common_words, "SAMPLE_CHARACTERS", 7)
    path = make(tmp_path, ["often odd" if number % 2 else "often even never" for number in range(101)])
    assert {"often", "ev"} & kept(path) == {"often"}
    assert find_positions(path, "even").tolist() == list(range(0, 101, 2))
    assert len(find_positions(path, "often")) == 101


def test_small_files_and_those_of_older_releases_have_none(tmp_path: Path) -> None:
    path = make(tmp_path, ["the end"] * 20)
    assert kept(path) == set()
    assert find_positions(path, "the end").tolist() == list(range(20))


def test_a_search_is_remembered_until_its_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path, ["the end"])
    assert find_positions(path, "end").tolist() == [0]
    monkeypatch.setattr(row_search, "matching", lambda *_: pytest.fail("asked twice"))
    assert find_positions(path, "end").tolist() == [0]
    monkeypatch.undo()
    forget_searches()
    path.unlink()
    make(tmp_path, ["the", "end"])
    assert find_positions(path, "end").tolist() == [1]


def test_the_words_of_a_large_version_are_fetched_while_its_rows_are_looked_at(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = indexed(cast, chat("parcel"))
    task = look_at_rows.index_of(version)
    assert task is not None
    fetched: list[str] = []
    monkeypatch.setattr(look_at_rows, "fetch_soon", fetched.append)
    look_at_rows.find_rows(version, task, look_at_rows.RowsQuery())
    assert fetched == []
    monkeypatch.setattr(look_at_rows, "AHEAD_CHARACTERS", 1)
    look_at_rows.find_rows(version, task, look_at_rows.RowsQuery())
    assert fetched == [task.result["search_blob"]]


@pytest.mark.usefixtures("storage_folder")
def test_a_blob_that_is_fetched_ahead_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    sha256 = blobs.put_bytes(b"words").sha256
    fetch_ahead.fetch_soon(sha256)
    assert fetch_ahead.fetched(sha256).read_bytes() == b"words"
    fetch_ahead.fetch_soon("0" * 64)
    with pytest.raises(blobs.BlobMissing):
        fetch_ahead.fetched("0" * 64)
    assert "could not be fetched ahead" in caplog.text
