"""The model card, README.md in Hugging Face's form, made from the facts of a version alone. Pure."""

import json
from collections.abc import Sequence
from datetime import datetime

from adapters.manifest import CHECKSUMS_NAME, MANIFEST_NAME, BaseIdentity, Lineage
from adapters.option_lines import option_lines
from adapters.scores import score_lines
from adapters.snippets import load_snippet
from adapters.states import VersionOrigin


def model_card(
    *,
    adapter: str,
    version: int,
    created_at: datetime,
    base: BaseIdentity,
    lineage: Lineage,
    has_tokenizer: bool,
    license: str = "",
) -> str:
    """The card as Markdown; a section whose facts are missing is left out.

    Args:
        adapter: its name.
        version: its number.
        created_at: when it was made, UTC.
        base: the exact base that it belongs to.
        lineage: how it came to be.
        has_tokenizer: whether the tokenizer lies among its files.
        license: an SPDX name; "" when nobody said.
    """
    sections = [
        _front_matter(base, license),
        f"# {adapter}, version {version}",
        _introduction(created_at, base, lineage),
        _loading(base, f"{adapter}-v{version}", has_tokenizer),
        _scores(lineage),
        _base(base),
        _data(lineage),
        _config(lineage),
        _libraries(lineage),
        f"`{MANIFEST_NAME}` holds all of this for programs. `sha256sum --check {CHECKSUMS_NAME}` checks the files.",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _front_matter(base: BaseIdentity, license: str) -> str:
    # Quoted as JSON, which YAML can read: a name like `1.0` must stay a name.
    lines = [f"base_model: {json.dumps(base.name)}", "library_name: peft"]
    if license:
        lines.append(f"license: {json.dumps(license)}")
    lines += ["pipeline_tag: text-generation", "tags:", "- lora"]
    return "\n".join(["---", *lines, "---"])


def _introduction(created_at: datetime, base: BaseIdentity, lineage: Lineage) -> str:
    ancestor = f" It continued from **{lineage.continues}**." if lineage.continues else ""
    repeated = f" It repeats **{lineage.retrains}** on this base." if lineage.retrains else ""
    return (
        f"A LoRA adapter for **{base.name}** (revision {base.revision}), {_origin(lineage)}."
        f"{ancestor}{repeated} {_kept_step(lineage)}Registered on {created_at:%Y-%m-%d}."
    )


def _origin(lineage: Lineage) -> str:
    """Who made it, of what."""
    method = f" ({lineage.method.upper()})" if lineage.method else ""
    data = f" on the dataset **{lineage.dataset}**, version {lineage.dataset_version}" if lineage.dataset else ""
    match lineage.origin:
        case VersionOrigin.TRAINED:
            return f"trained with Graft{f' by job {lineage.job}' if lineage.job else ''}{method}{data}"
        case VersionOrigin.COMBINED:
            parts = ", ".join(f"**{part}** × {part.weight:g}" for part in lineage.combines)
            return f"combined of {parts or 'other versions'} with Graft, without training"
        case VersionOrigin.IMPORTED:
            source = f" from {lineage.source['text']}" if lineage.source.get("text") else ""
            return f"trained elsewhere{method}{data} and imported into Graft{source}"


def _kept_step(lineage: Lineage) -> str:
    """Which step the adapter is of, where several were compared."""
    if lineage.best_step is None or not lineage.config.get("load_best_model_at_end"):
        return ""
    return f"It is that of step {lineage.best_step}, the best on held-out rows. "


def _loading(base: BaseIdentity, folder: str, has_tokenizer: bool) -> str:
    text = f"`{base.name}` stands for the folder, or the model hub's name, of exactly this base."
    return (
        f"## How to load it\n\n{text}\n\n```python\n{load_snippet(base.name, folder, has_tokenizer=has_tokenizer)}\n```"
    )


def _scores(lineage: Lineage) -> str:
    lines = score_lines(lineage.scores)
    if not lines:
        return ""
    rows = (lineage.scores or {}).get("rows")
    where = f"Measured on {rows} held-out rows, which were not trained on." if rows else "Measured on held-out rows."
    table = _table(("Measure", "Base", "With the adapter"), [(line.name, line.before, line.after) for line in lines])
    return f"## Scores\n\n{where}\n\n{table}"


def _base(base: BaseIdentity) -> str:
    digests = [
        ("weights", f"`{base.weights_root}`"),
        ("architecture", f"`{base.arch_digest}`"),
        ("tokenizer", f"`{base.tokenizer_digest}`"),
        ("chat template", f"`{base.chat_template_digest}`"),
    ]
    text = "The adapter belongs to this content and no other: on a base with other weights its answers mean nothing."
    return f"## Base model\n\n{text}\n\n{_table(('Digest', 'SHA-256'), digests)}"


def _data(lineage: Lineage) -> str:
    if not lineage.dataset:
        return ""
    seed = "" if lineage.seed is None else f" Seed {lineage.seed}."
    fetched = "".join(f"\n\nFetched from {source['text']}." for source in lineage.dataset_sources)
    return (
        f"## Training data\n\n{lineage.dataset}, version {lineage.dataset_version}, SHA-256 "
        f"`{lineage.dataset_sha256}`.{seed}{fetched}"
    )


def _config(lineage: Lineage) -> str:
    lines = [(f"`{name}`", f"`{value}`") for name, value in option_lines(lineage.config)]
    return f"## Training config\n\n{_table(('Option', 'Value'), lines)}" if lines else ""


def _libraries(lineage: Lineage) -> str:
    if not lineage.libraries:
        return ""
    return "## Libraries\n\n" + _table(("Package", "Version"), sorted(lineage.libraries.items()))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: str) -> str:
    return " ".join(value.replace("|", "\\|").split())
