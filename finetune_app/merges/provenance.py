"""What goes along with a merged model that leaves: where it comes from, and checksums. The same model, the same bytes.

Prompts and answers of the proof stay here: they may be rows that nobody else is to see.
"""

import hashlib
import json
from typing import Any

from adapters.manifest import CHECKSUMS_NAME
from finetune_app.merges.models import MergedModel
from finetune_app.merges.report import MergeReport
from finetune_app.storage import blobs

PROVENANCE_NAME = "graft_merge.json"


def title_of(merged_model: MergedModel) -> str:
    """It in one line: `support-json@3 merged into smollm2@1`."""
    version = merged_model.version
    return f"{version.adapter.name}@{version.number} merged into {merged_model.base_revision}"


def slug_of(merged_model: MergedModel) -> str:
    """A name for a file or a folder: `support-json-v3-merged-1`."""
    version = merged_model.version
    return f"{version.adapter.name}-v{version.number}-merged-{merged_model.number}"


def accompanying_files(merged_model: MergedModel) -> dict[str, bytes]:
    """Name → bytes of the files that are written where a merged model goes, after all others and in this order."""
    provenance = (json.dumps(_provenance(merged_model), sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()
    sums = [(file["path"], file["sha256"]) for file in merged_model.files]
    sums.append((PROVENANCE_NAME, hashlib.sha256(provenance).hexdigest()))
    lines = "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(sums))
    return {CHECKSUMS_NAME: lines.encode(), PROVENANCE_NAME: provenance}


def _provenance(merged_model: MergedModel) -> dict[str, Any]:
    """Who made it of what, and what the proof measured."""
    version, base = merged_model.version, merged_model.base_revision
    return {
        "format": 1,
        "title": title_of(merged_model),
        "adapter": {
            "name": version.adapter.name,
            "version": version.number,
            "manifest_sha256": version.manifest_sha256,
        },
        "base": {
            "name": base.base_model.name,
            "revision": base.number,
            "weights_root": base.weights_root,
            "arch_digest": base.arch_digest,
            "tokenizer_digest": base.tokenizer_digest,
            "chat_template_digest": base.chat_template_digest,
            "from_hub": hub_origin(merged_model),
        },
        "merged_model": {"number": merged_model.number, "options": merged_model.options},
        "proof": _proof(merged_model),
        "files": sorted(merged_model.files, key=lambda file: str(file["path"])),
    }


def hub_origin(merged_model: MergedModel) -> dict[str, str] | None:
    """The repository and the commit of its base on the hub; None when it came from elsewhere."""
    origin = merged_model.base_revision.origin
    if origin.get("kind") != "hub":
        return None
    return {"repo_id": origin["repo_id"], "commit": origin["commit"]}


def _proof(merged_model: MergedModel) -> dict[str, Any]:
    report = MergeReport.model_validate_json(blobs.read(merged_model.report_sha256))
    gates = [
        {"name": gate.name.value, "value": gate.value, gate.at: gate.limit, "passed": gate.passed}
        for gate in report.gates
    ]
    return {"verdict": merged_model.verdict, "report_sha256": merged_model.report_sha256, "gates": gates}
