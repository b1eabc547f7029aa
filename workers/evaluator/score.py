"""Base and tuned model on the same held-out rows: loads the base once, as in training, and switches the adapter."""

import time
from pathlib import Path
from typing import Any

from peft import PeftModel

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import EvaluationEvent, PhaseEvent, PlanEvent, Sample, Score
from finetune_app.jobs.states import Phase
from workers.child import ChildFailure, emit, log, stop_if_asked
from workers.evaluator.encoding import ScoredRow, encode_rows, stop_tokens
from workers.evaluator.measure import Batching, answers, greedy, keep_head_input_contiguous, teacher_forced
from workers.loading import LoadedBase, load, peak_memory_bytes
from workers.rows import scored_rows
from workers.spec import ADAPTER_FOLDER, RunSpec

SAMPLES = 5
MARGIN_TOKENS = 16  # an answer that goes on after the expected one should be seen to do so
MAX_NEW_TOKENS = 256


def evaluate(run_folder: Path, spec: RunSpec) -> dict[str, Any]:
    """Score RUN_FOLDER/adapter and its base; returns the facts of the evaluation.

    Raises:
        ChildFailure: there is no adapter, or the base is not the registered one.
    """
    start = time.monotonic()
    if not (run_folder / ADAPTER_FOLDER / "adapter_config.json").is_file():
        raise ChildFailure(Cause.FILES_MISSING, "The run folder has no adapter to score.")
    held_out = scored_rows(spec)
    if not held_out:
        log("No row is held out, so there is nothing to score.")
        return _facts(rows=0)
    base = load(spec)
    rows = encode_rows(held_out, spec, base.tokenizer)
    if len(rows) < len(held_out):
        log(
            f"{len(held_out) - len(rows)} held-out rows are longer than the max length and not scored.", level="warning"
        )
    if not rows:
        return _facts(rows=0)
    model = PeftModel.from_pretrained(base.model, str(run_folder / ADAPTER_FOLDER))
    model.eval()
    keep_head_input_contiguous(model)
    plan = _score_both(spec, base, model, rows)
    seconds = round(time.monotonic() - start, 1)
    return _facts(**plan, seconds=seconds, peak_memory_bytes=peak_memory_bytes())


def _facts(**facts: Any) -> dict[str, Any]:
    """What belongs to the scores and not to the training, whose facts stand beside it in the job and the lineage."""
    return {"evaluation": facts}


def _score_both(spec: RunSpec, base: LoadedBase, model: Any, rows: list[ScoredRow]) -> dict[str, Any]:
    """Emit the scores of base and tuned model; returns what was chosen for them."""
    writes_answers = spec.row_form is not RowForm.TEXT
    progress = _Progress(total=len(rows) * (4 if writes_answers else 2))
    scorer = _Scorer(spec, base, rows, progress, writes_answers=writes_answers)
    emit(PlanEvent(facts=_facts(device=base.device.name, **scorer.plan)))
    progress(0)
    with model.disable_adapter():
        base_score, base_answers = scorer.score(model)
    tuned_score, tuned_answers = scorer.score(model)
    samples = [
        Sample(prompt=row.question, expected=row.expected.strip(), base=before, tuned=after)
        for row, before, after in zip(rows, base_answers, tuned_answers, strict=False)
    ]
    emit(EvaluationEvent(rows=len(rows), base=base_score, tuned=tuned_score, samples=samples[:SAMPLES]))
    return scorer.plan


class _Progress:
    """Tells after every batch how many passes of a row through a model are done."""

    def __init__(self, total: int) -> None:
        self._done, self._total = 0, total

    def __call__(self, rows: int) -> None:
        self._done += rows
        emit(PhaseEvent(phase=Phase.EVALUATING, done=self._done, total=self._total))
        stop_if_asked()


class _Scorer:
    """Measures one state of the model; the same rows and the same settings for each."""

    def __init__(
        self, spec: RunSpec, base: LoadedBase, rows: list[ScoredRow], progress: _Progress, *, writes_answers: bool
    ) -> None:
        self._tokenizer, self._rows, self._progress = base.tokenizer, rows, progress
        self._writes_answers = writes_answers
        self._pad = base.tokenizer.pad_token_id
        longest = max(len(row.answer) for row in rows)
        new_tokens = min(longest + MARGIN_TOKENS, MAX_NEW_TOKENS)
        self._generation = greedy(stop_tokens(base.tokenizer, base.model, rows), self._pad, new_tokens)
        self._batching = Batching(spec.config.per_device_train_batch_size * spec.config.max_length)

    @property
    def plan(self) -> dict[str, Any]:
        """What was chosen, for the `PlanEvent`."""
        plan: dict[str, Any] = {"rows": len(self._rows), "scored_on": "the base as it was trained on"}
        if self._writes_answers:
            plan |= {"decoding": "greedy", "max_new_tokens": self._generation.max_new_tokens}
        return plan

    def score(self, model: Any) -> tuple[Score, list[str]]:
        """The scores and the answers in the order of the rows (none for plain text)."""
        forced = teacher_forced(model, self._rows, self._pad, self._batching, self._progress)
        if not self._writes_answers:
            return Score(loss=forced.loss, token_accuracy=forced.token_accuracy), []
        found = answers(
            model, self._rows, self._tokenizer, self._generation, batching=self._batching, on_rows=self._progress
        )
        right = sum(answer == row.expected.strip() for answer, row in zip(found, self._rows, strict=True))
        exact = right / len(self._rows)
        return Score(exact_match=exact, loss=forced.loss, token_accuracy=forced.token_accuracy), found
