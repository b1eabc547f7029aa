"""Datasets of a hub of this machine, and what the tests of `test_from_hub.py` ask of them."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.hub_server import Repo, repo

TOKEN = "hf_secret"
ROWS = b'{"text": "A row."}\n'
LARGE = ROWS * 200_000
MOVED_AWAY = b'{"text": "Pushed in between."}\n'


def parquet(*texts: str) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"text": list(texts)}), file)
    return file.getvalue()


def card(configs: str) -> bytes:
    return f"---\nlicense: mit\nconfigs:\n{configs}---\n# A dataset\n".encode()


SUBSETS = card(
    "- config_name: english\n  data_files:\n  - split: train\n    path: en/*.parquet\n"
    "- config_name: german\n  data_files:\n  - split: train\n    path: [de/b.parquet, de/a.parquet]\n"
    "  - split: test\n    path: de/test.parquet\n"
)
DEFAULT_SUBSET = card(
    "- config_name: small\n  data_files: small.csv\n- config_name: whole\n  default: true\n  data_files: whole.csv\n"
)
LANGUAGES = {
    "README.md": SUBSETS,
    "en/0.parquet": parquet("Hello"),
    "de/a.parquet": parquet("Hallo"),
    "de/b.parquet": parquet("Moin"),
    "de/test.parquet": parquet("Servus"),
}
SHARDS = {f"data/train-{number:05}-of-00012.jsonl": ROWS * (number + 1) for number in range(12)}
FOREIGN = [
    card("- config_name: default\n  data_files: http://127.0.0.1:9/private.csv\n"),
    card("- config_name: default\n  data_files:\n  - split: train\n    path: [/etc/passwd]\n"),
    card("- config_name: default\n  data_dir: ../other\n"),
]


def repos() -> dict[str, Repo]:
    tagged = repo({"old.jsonl": ROWS})
    tagged.branches["v1"] = tagged.branches["main"]
    tagged.push({"new.jsonl": ROWS})
    scripted = repo({"scripted.py": b"raise SystemExit", "rows.jsonl": ROWS})
    scripted.commits["c0" * 20] = {"default/train/0000.parquet": parquet("By the hub")}
    scripted.branches["refs/convert/parquet"] = "c0" * 20
    return {
        "team/chats": repo({"README.md": b"# Chats\n", ".gitattributes": b"", "train.jsonl": ROWS}),
        "team/shards": repo(SHARDS),
        "team/packed": repo({"train-0.csv.gz": b"\x1f\x8b...", "train-1.csv.zst": b"..."}),
        "team/languages": repo(LANGUAGES),
        "team/default": repo({"README.md": DEFAULT_SUBSET, "small.csv": b"text\na\n", "whole.csv": b"text\na\nb\n"}),
        "team/halves": repo({"validation.jsonl": ROWS, "test.jsonl": ROWS}),
        "team/tagged": tagged,
        "team/moving": repo({"train.jsonl": ROWS}),
        "team/large": repo({"train-0.jsonl": LARGE, "train-1.jsonl": LARGE}),
        "team/cut": repo({"cut.jsonl": LARGE}),
        "team/reset": repo({"reset.jsonl": LARGE}),
        "team/private": repo({"train.jsonl": ROWS}, token=TOKEN),
        "team/gated": repo({"train.jsonl": ROWS}, gated=True),
        "team/broken": repo({"train.jsonl": ROWS}, broken=True),
        "team/images": repo({"README.md": b"", "train/cat.png": b"\x89PNG", "train/metadata.csv": b"file_name,text\n"}),
        "team/archive": repo({"train.tar": b"", "other.tar": b""}),
        "team/scripted": scripted,
        "team/models": repo({"README.md": b"", "model.safetensors": b"", "vocabulary": b""}),
        "team/unreadable": repo({"README.md": b"---\nconfigs: [\n---\n", "train.jsonl": ROWS}),
        **{f"team/foreign-{number}": repo({"README.md": text, "a.csv": b""}) for number, text in enumerate(FOREIGN)},
        "team/many": repo(
            {
                "README.md": card("".join(f"- config_name: s{n}\n  data_files: {n}.jsonl\n" for n in range(14))),
                **{f"{n}.jsonl": ROWS for n in range(14)},
            }
        ),
    }


def of(name: str, **source: str) -> dict[str, Any]:
    return {"source": {"repo_id": f"team/{name}", **source}}


ORDERS: dict[str, dict[str, Any]] = {
    "one file": of("chats"),
    "shards": of("shards"),
    "packed": of("packed"),
    "chosen subset": of("languages", subset="german"),
    "chosen split": of("languages", subset="german", split="test"),
    "default subset": of("default"),
    "no subset": of("languages"),
    "unknown subset": of("languages", subset="french"),
    "one of many subsets": of("many"),
    "no split": of("halves"),
    "unknown split": of("halves", split="train"),
    "only split": of("languages", subset="english"),
    "tag": of("tagged", revision="v1"),
    "moving branch": of("moving"),
    "unknown revision": of("tagged", revision="v2"),
    "large": of("large"),
    "too large": of("large") | {"limit": len(LARGE) * 2 - 1},
    "cut": of("cut"),
    "reset": of("reset"),
    "private with token": of("private") | {"token": TOKEN},
    "private without token": of("private"),
    "gated": of("gated"),
    "gated with access": of("gated") | {"token": "hf_granted"},
    "wrong token": of("chats") | {"token": "hf_forgotten"},
    "missing": of("missing"),
    "malformed": {"source": {"repo_id": "team/chats/train"}},
    "broken": of("broken"),
    "images": of("images"),
    "archive": of("archive"),
    "scripted": of("scripted"),
    "scripted, as Parquet": of("scripted", revision="refs/convert/parquet"),
    "models": of("models"),
    "unreadable": of("unreadable"),
    **{f"foreign {number}": of(f"foreign-{number}") for number in range(len(FOREIGN))},
}
