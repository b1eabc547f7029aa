"""Exports that the tests start from, as the worker leaves them."""

from typing import Any

from django.utils import timezone

from finetune_app.accounts.access import Access
from finetune_app.merges.models import Export, MergedModel
from finetune_app.merges.services.request_export import request_export
from finetune_app.storage import blobs
from finetune_app.work.states import TaskState

GGUF = b"GGUF" + bytes(range(256)) * 40
READ_BACK = {
    "architecture": "LlamaForCausalLM",
    "types": {"F32": 5, "Q8_0": 15},
    "error": 0.0046,
    "remarks": ["The file has no generation config."],
    "llama_cpp": "0.3.16",
    "question": "Name a colour.",
    "answer": "Green, I think.",
}
COMPARED = {
    "format": "compressed-tensors",
    "scheme": "int4",
    "group_size": 128,
    "layers": 14,
    "left": ["lm_head"],
    "weight_bytes": {"merged": 215_880, "quantized": 110_584},
    "compared": {"prompts": 32, "positions": 768, "top1": 0.958, "kl": 0.0123, "worst_kl": 0.2, "device": "cpu"},
}


def make_export(
    access: Access,
    merged: MergedModel,
    options: dict[str, Any] | None = None,
    *,
    files: dict[str, bytes] | None = None,
    result: dict[str, Any] | None = None,
    **columns: Any,
) -> Export:
    """One that has succeeded; a GGUF file when nothing else is asked for."""
    export = request_export(access, merged, options or {"kind": "gguf"})
    kept = []
    for path, content in ({"adder-v1-merged-1.Q8_0.gguf": GGUF} if files is None else files).items():
        blob = blobs.put_bytes(content)
        kept.append({"path": path, "size": blob.size, "sha256": blob.sha256})
    done = {
        "state": TaskState.SUCCEEDED,
        "finished_at": timezone.now(),
        "files": kept,
        "size": sum(file["size"] for file in kept),
        "result": result or {},
    }
    Export.objects.filter(pk=export.pk).update(**done | columns)
    export.refresh_from_db()
    return export
