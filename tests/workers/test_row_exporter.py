"""The child that writes Parquet: what comes out is what went in, also where rows do not fit into columns."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune_app.datasets.formats import RowForm
from tests.datasets.makers import chat, jsonl
from tests.workers.row_folders import place, run
from workers.row_exporter.columns import Columns
from workers.row_exporter.names import FORMAT_NAME, RESULT_NAME, TOTAL_NAME

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=6,
)


def export(folder, content, form=RowForm.CHAT):
    place(folder, content, form=form)
    (folder / FORMAT_NAME).write_text("parquet")
    (folder / TOTAL_NAME).write_text("3")
    return run("workers.row_exporter", folder)


def test_chat_rows_become_lists_of_messages(tmp_path):
    rows = [chat("a?", "1"), chat("b?", "2", note="x"), chat("c?", "3", split="train")]
    assert export(tmp_path, jsonl(*rows))["facts"] == {"rows": 3}
    table = pq.read_table(tmp_path / RESULT_NAME)
    assert table.schema.names == ["messages", "note", "split"]
    assert [{key: value for key, value in row.items() if value is not None} for row in table.to_pylist()] == rows
    assert pq.ParquetFile(tmp_path / RESULT_NAME).metadata.row_group(0).column(0).compression == "ZSTD"


@pytest.mark.parametrize(
    "values",
    [["text", ["list"]], [1, "one"], [2**70, 1], [{}, {}], [1, 1.5], [[1], ["a"]], [{"a": 1}, {"a": "b"}], [True, 1]],
)
def test_values_that_fit_no_column_are_kept_as_json(tmp_path, values):
    rows = [{"text": "Once.", "odd": value} for value in values]
    export(tmp_path, jsonl(*rows), RowForm.TEXT)
    found = pq.read_table(tmp_path / RESULT_NAME)["odd"].to_pylist()
    assert [json.loads(text) for text in found] == values


def test_values_of_one_batch_do_not_bend_those_of_another(tmp_path):
    batches = [[{"a": 1}], [{"a": 1.5}], [{"a": None, "b": [{"c": 1}]}], [{"b": [{"d": "x"}]}]]
    columns = Columns()
    for batch in batches:
        columns.look_at(batch)
    found = pa.Table.from_batches([columns.batch(batch) for batch in batches]).to_pylist()
    assert [row["a"] for row in found] == ["1", "1.5", "null", None]
    assert found[3]["b"] == [{"c": None, "d": "x"}]


def test_too_many_keys_are_refused_with_a_way_out(tmp_path):
    done = export(tmp_path, jsonl({"text": "x", **{str(number): 1 for number in range(1_001)}}), RowForm.TEXT)
    assert done["code"] == "bad_rows"
    assert "Download JSONL instead." in done["detail"]


@given(st.lists(st.dictionaries(st.sampled_from(["p", "q"]), VALUES, min_size=1), min_size=1, max_size=5))
def test_any_rows_can_be_written(tmp_path_factory, rows):
    columns = Columns()
    for row in rows:
        columns.look_at([row])
    path = tmp_path_factory.mktemp("parquet") / "rows"
    with pq.ParquetWriter(path, columns.schema(), compression="zstd") as writer:
        for row in rows:
            writer.write_batch(columns.batch([row]))
    assert pq.read_table(path).num_rows == len(rows)
