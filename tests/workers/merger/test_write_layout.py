"""Into which files a merged model goes: the base's own, or new ones where its precision changes."""

import json

import torch
from safetensors import safe_open

from finetune_app.merges.states import WeightsDtype
from tests.tiny import write_safetensors
from tests.workers.merger.written import made_base, written
from workers.merger.planned import Planned
from workers.merger.shards import Entry, shard_of, split

FILES = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def two_files(folder):
    first = made_base(
        folder, {"a": torch.ones(4, 3, dtype=torch.bfloat16), "b": torch.ones(5, dtype=torch.bfloat16)}, FILES[0]
    )
    return first | made_base(folder, {"c": torch.zeros(2, 2, dtype=torch.bfloat16)}, FILES[1])


def test_the_files_of_the_base_are_followed_and_the_index_names_them(tmp_path):
    stored = two_files(tmp_path / "base")
    planned = [Planned(name, one.shape, one) for name, one in stored.items()]
    written(tmp_path / "merged", [*planned, Planned("new", (2,), value=torch.ones(2))])
    index = json.loads((tmp_path / "merged" / "model.safetensors.index.json").read_text())
    assert index["weight_map"] == {"a": FILES[0], "b": FILES[0], "c": FILES[1], "new": FILES[1]}
    assert index["metadata"]["total_size"] == 2 * (12 + 5 + 4 + 2)


def test_a_file_that_loses_all_its_tensors_is_not_written_and_one_file_needs_no_index(tmp_path):
    stored = two_files(tmp_path / "base")
    written(tmp_path / "merged", [Planned(name, stored[name].shape, stored[name]) for name in ("a", "b")])
    assert [path.name for path in (tmp_path / "merged").iterdir()] == ["model.safetensors"]


def test_in_another_precision_the_files_are_laid_out_anew(tmp_path):
    stored = two_files(tmp_path / "base")
    planned = [Planned(name, one.shape, one) for name, one in stored.items()]
    written(tmp_path / "merged", planned, WeightsDtype.FLOAT32)
    assert [path.name for path in (tmp_path / "merged").iterdir()] == ["model.safetensors"]


def test_new_files_are_not_larger_than_the_limit_but_for_one_large_tensor():
    entries = [Entry(name, "F32", (size,)) for name, size in (("a", 10), ("b", 10), ("huge", 90), ("c", 10), ("d", 1))]
    shards = split(entries, limit=80)
    assert [list(shard.places) for shard in shards] == [["a", "b"], ["huge"], ["c", "d"]]
    assert [shard.file for shard in shards] == [f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]


def test_the_header_is_what_safetensors_itself_writes(tmp_path):
    entries = [Entry("b", "BF16", (4, 3)), Entry("a", "F32", (2,)), Entry("c", "BOOL", (3,))]
    shard = shard_of("x", entries)
    content = {"a": ("F32", (2,), bytes(8)), "b": ("BF16", (4, 3), bytes(24)), "c": ("BOOL", (3,), bytes(3))}
    path = tmp_path / "x"
    path.write_bytes(shard.header + b"".join(value for _, _, value in content.values()))
    with safe_open(path, "pt") as file:
        assert file.metadata() == {"format": "pt"}
        assert {name: tuple(file.get_tensor(name).shape) for name in content} == {"a": (2,), "b": (4, 3), "c": (3,)}
    write_safetensors(tmp_path / "other", content)
    assert len(shard.header) % 8 == 0
    from safetensors.torch import save

    tensors = {"a": torch.zeros(2), "b": torch.zeros(4, 3, dtype=torch.bfloat16), "c": torch.zeros(3, dtype=torch.bool)}
    assert save(tensors, {"format": "pt"}) == path.read_bytes()
