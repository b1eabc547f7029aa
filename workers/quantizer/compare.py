"""How far the quantized model's answers are from the merged one's, by the prover's own means.

Both are loaded from their files, one after the other, and read the prompts that proved the merged model.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.states import Phase
from workers.child import ChildFailure
from workers.encoding import load_tokenizer
from workers.merge_prover.measured import Measured
from workers.merge_prover.models import Place, choose_place, load_plain
from workers.merge_prover.prompts import Prompt, prompts_of
from workers.merge_prover.reference import Reference, positions_for, run_through
from workers.out_of_memory import release_memory
from workers.progress import Progress
from workers.quantizer.spec import QuantizeSpec

Take = Callable[[int, torch.Tensor], None]
LOGITS_NAME = "logits"
DIGITS = 6  # of each number that is kept


def compare(spec: QuantizeSpec, quantized: Path, run_folder: Path) -> dict[str, Any]:
    """Top-1 agreement and KL(merged ‖ quantized) in nats, means over all compared positions, and the worst KL.

    Raises:
        ChildFailure: EXPORT_UNFIT, when the result does not load whole, or answers with what is no finite number.
    """
    place = choose_place(spec.base_folder, spec.options.dtype)
    prompts = _prompts(spec)
    reference = Reference(run_folder / LOGITS_NAME, prompts)
    progress = Progress(Phase.PROVING, 2 * len(prompts))
    measured = Measured(prompts)

    def beside(index: int, logits: torch.Tensor) -> None:
        measured.take(index, logits, reference)

    for folder, take in ((spec.base_folder, reference.keep), (quantized, beside)):
        _run(folder, place, prompts, take, progress, has_code=spec.trust_remote_code)
    reference.drop()
    if not math.isfinite(measured.worst_kl()):
        raise ChildFailure(Cause.EXPORT_UNFIT, "What came out answers with numbers that are not finite.")
    return {
        "prompts": len(prompts),
        "positions": sum(prompt.positions for prompt in prompts),
        "top1": _rounded(measured.top1()),
        "kl": _rounded(measured.kl()),
        "worst_kl": _rounded(measured.worst_kl()),
        "device": place.name,
    }


def _prompts(spec: QuantizeSpec) -> list[Prompt]:
    config = AutoConfig.from_pretrained(
        spec.base_folder, local_files_only=True, trust_remote_code=spec.trust_remote_code
    )
    positions = positions_for(spec.options.prompts, config.get_text_config().vocab_size, references=1)
    tokenizer = load_tokenizer(spec.base_folder, RowForm.TEXT, trust_remote_code=spec.trust_remote_code)
    return prompts_of(spec, tokenizer, positions)


def _run(folder: Path, place: Place, prompts: list[Prompt], take: Take, progress: Progress, *, has_code: bool) -> None:
    """Load the model, give `take` what it says, and forget it.

    Raises:
        ChildFailure: EXPORT_UNFIT.
    """
    model, problems = load_plain(folder, place, trust_remote_code=has_code)
    if problems:
        raise ChildFailure(Cause.EXPORT_UNFIT, f"What came out does not load whole: {min(problems)}.")
    run_through(model, prompts, take, progress.add)
    del model
    release_memory()


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
