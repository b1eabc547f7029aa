"""A base that was hashed once is not hashed again while nothing about its files changed, and always when anything did."""

import json
import os
import shutil
import time

import pytest

from adapters.fingerprint import fingerprint
from finetune_app.errors import UserError
from tests.tiny import tiny_base
from workers import known_base
from workers.known_base import SUFFIX, known_fingerprint


@pytest.fixture
def base(tmp_path):
    return shutil.copytree(tiny_base(), tmp_path / "base")


@pytest.fixture
def hashings(monkeypatch):
    """Each time that everything is hashed; it really is."""
    found = []

    def counted(folder):
        found.append(folder)
        return fingerprint(folder)

    monkeypatch.setattr(known_base, "fingerprint", counted)
    return found


def note_of(base):
    return base.with_name(f"{base.name}{SUFFIX}")


def test_the_second_time_says_the_same_without_hashing(base, hashings):
    first, second = known_fingerprint(base), known_fingerprint(base)
    assert first == second == fingerprint(base)
    assert len(hashings) == 1


def test_a_weight_that_changed_behind_its_old_size_and_time_is_seen(base, hashings):
    first = known_fingerprint(base)
    weights = base / "model.safetensors"
    before = weights.stat()
    with weights.open("r+b") as file:
        file.seek(-2, os.SEEK_END)
        file.write(b"\x01\x02")
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert known_fingerprint(base).weights_root != first.weights_root
    assert len(hashings) == 2


def replace_by_a_copy(base):
    shutil.copy(base / "config.json", base / "copy")
    (base / "copy").replace(base / "config.json")


def replace_tokenizer(base):
    path = base / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"truncation": None}))


@pytest.mark.parametrize(
    "change",
    [
        replace_tokenizer,
        lambda base: (base / "chat_template.jinja").write_text("another"),
        lambda base: (base / "a-new-file").write_text(""),
        lambda base: (base / "generation_config.json").unlink(missing_ok=True),
        lambda base: os.utime(base / "config.json"),
        replace_by_a_copy,
    ],
)
def test_any_change_to_the_folder_hashes_again(base, hashings, change):
    known_fingerprint(base)
    (base / "generation_config.json").touch()
    known_fingerprint(base)
    count = len(hashings)
    change(base)
    assert known_fingerprint(base) == fingerprint(base)
    assert len(hashings) == count + 1


def test_a_base_that_was_torn_since_then_is_refused(base):
    known_fingerprint(base)
    weights = base / "model.safetensors"
    os.truncate(weights, weights.stat().st_size - 100)
    with pytest.raises(UserError):
        known_fingerprint(base)


def test_what_is_older_than_a_day_counts_no_more(base, hashings, monkeypatch):
    known_fingerprint(base)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + known_base.VALID_SECONDS + 1)
    known_fingerprint(base)
    assert len(hashings) == 2


@pytest.mark.parametrize("content", ["", "{", '{"code": 1}'])
def test_a_note_that_cannot_be_read_is_written_anew(base, hashings, content):
    known_fingerprint(base)
    note_of(base).write_text(content)
    assert known_fingerprint(base) == fingerprint(base)
    known_fingerprint(base)
    assert len(hashings) == 2


def test_other_code_hashes_again(base, hashings, monkeypatch):
    known_fingerprint(base)
    monkeypatch.setattr(known_base, "_code", lambda: "other")
    known_fingerprint(base)
    assert len(hashings) == 2
