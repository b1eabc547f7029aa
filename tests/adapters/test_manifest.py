"""The manifest says everything, in the same bytes every time."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from adapters.manifest import BaseIdentity, Manifest, ManifestFile
from tests.adapters.makers import make_lineage

BASE = BaseIdentity(
    name="tiny", revision=3, weights_root="a" * 64, arch_digest="b" * 64, tokenizer_digest="c" * 64,
    chat_template_digest="d" * 64,
)  # fmt: skip


def manifest(**lineage: object) -> Manifest:
    return Manifest(
        adapter="adder",
        version=2,
        created_at=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
        base=BASE,
        files=[ManifestFile(path="README.md", size=3, sha256="e" * 64)],
        lineage=make_lineage(**lineage),
    )


def test_it_comes_back_as_it_was_written():
    written = manifest().to_bytes()
    assert Manifest.model_validate_json(written) == manifest()
    assert Manifest.model_validate(json.loads(written)).to_bytes() == written


def test_the_order_of_what_was_measured_changes_nothing():
    one = manifest(libraries={"a": "1", "b": "2"}, facts={"x": 1, "y": {"p": 1, "q": 2}})
    other = manifest(libraries={"b": "2", "a": "1"}, facts={"y": {"q": 2, "p": 1}, "x": 1})
    assert one.to_bytes() == other.to_bytes()


def test_a_measure_that_is_not_finite_becomes_null():
    written = json.loads(manifest(facts={"loss": float("nan"), "deep": [float("inf")]}).to_bytes())
    assert written["lineage"]["facts"] == {"loss": None, "deep": [None]}


def test_a_key_that_nobody_knows_is_refused():
    with pytest.raises(ValidationError):
        Manifest.model_validate(manifest().as_json() | {"extra": 1})


def test_a_manifest_of_before_there_were_imports_still_means_the_same():
    old = manifest().as_json()
    for key in ("origin", "source", "retrains"):
        del old["lineage"][key]
    assert Manifest.model_validate(old) == manifest()


def test_the_checksums_name_every_file_and_the_manifest():
    lines = manifest().checksums("f" * 64).decode().splitlines()
    assert lines == [f"{'e' * 64}  README.md", f"{'f' * 64}  manifest.json"]
