"""The plan of a run that goes on from a checkpoint: the one that it had, where this device holds it.

So the rows come in the same micro-batches as before and every loss is what it would have been, on whatever worker.
"""

from dataclasses import replace

from finetune_app.jobs.plan.choose import USED_SHARE
from finetune_app.jobs.plan.rows import Rows
from workers.loading import LoadedBase
from workers.spec import RunSpec
from workers.trainer.fitting import Fitted, fit
from workers.trainer.run_state import RunState

CHOSEN = ("per_device_train_batch_size", "gradient_accumulation_steps", "gradient_checkpointing")


def fit_or_go_on(spec: RunSpec, base: LoadedBase, lengths: Rows, *, lean: bool) -> Fitted:
    """As `fit`, but a run that resumes keeps its plan; it is chosen anew for another effective batch or device."""
    if spec.resume_folder is None or not spec.config.fit_to_device:
        return fit(spec, base, lengths, lean=lean)
    before = RunState.load(spec.resume_folder).config
    kept = spec.config.model_copy(update={name: before[name] for name in CHOSEN})
    if kept.effective_batch_size == spec.config.effective_batch_size:
        fixed = spec.model_copy(update={"config": kept.model_copy(update={"fit_to_device": False})})
        fitted = fit(fixed, base, lengths, lean=lean)
        needed, free = (fitted.facts.get(name, 0) for name in ("predicted_memory_bytes", "free_memory_bytes"))
        if needed <= USED_SHARE * free:
            return replace(fitted, spec=spec.model_copy(update={"config": kept}))
    return fit(spec, base, lengths, lean=lean)
