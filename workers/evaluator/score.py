"""Base and tuned model on the same held-out rows: loads the base once, as in training, and switches the adapter."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import EvaluationEvent, PlanEvent, Sample, Score
from finetune_app.jobs.methods import method_of
from workers.child import ChildFailure, emit, log
from workers.evaluator.encoding import ScoredRow, encode_rows, stop_tokens
from workers.evaluator.measure import Batching, answers, greedy, keep_head_input_contiguous, teacher_forced
from workers.evaluator.progress import Progress
from workers.evaluator.rewards import score_rewards
from workers.loading import LoadedBase, load, peak_memory_bytes
from workers.rows import scored_rows
from workers.spec import ADAPTER_FOLDER, RunSpec
from workers.trainer.held_out_mode import keep_weights

SAMPLES = 5
MARGIN_TOKENS = 16  # an answer that goes on after the expected one should be seen to do so
MAX_NEW_TOKENS = 256
Biases = list[tuple[torch.nn.Parameter, torch.Tensor]]  # each of the base's, and what it was


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
    if method_of(spec.config).task_type == "SEQ_CLS":
        return _facts(**score_rewards(run_folder, spec, held_out))
    held_out = [row for row in held_out if row.label is not False]
    if not held_out:
        log("No held-out answer is marked as good, so there is nothing to score.")
        return _facts(rows=0)
    base = load(spec)
    rows = encode_rows(held_out, spec, base.tokenizer)
    if len(rows) < len(held_out):
        log(
            f"{len(held_out) - len(rows)} held-out rows are longer than the max length and not scored.", level="warning"
        )
    if not rows:
        return _facts(rows=0)
    biases = [(bias, bias.detach().clone()) for name, bias in base.model.named_parameters() if name.endswith("bias")]
    model = PeftModel.from_pretrained(base.model, str(run_folder / ADAPTER_FOLDER))
    model.eval()
    if model.active_peft_config.use_dora:
        keep_weights(model)  # DoRA takes the lengths of the base's weights in every pass
    keep_head_input_contiguous(model)
    plan = _score_both(spec, base, model, rows, biases)
    seconds = round(time.monotonic() - start, 1)
    return _facts(**plan, seconds=seconds, peak_memory_bytes=peak_memory_bytes())


def _facts(**facts: Any) -> dict[str, Any]:
    """What belongs to the scores and not to the training, whose facts stand beside it in the job and the lineage."""
    return {"evaluation": facts}


def _score_both(spec: RunSpec, base: LoadedBase, model: Any, rows: list[ScoredRow], biases: Biases) -> dict[str, Any]:
    """Emit the scores of base and tuned model; returns what was chosen for them."""
    scorer = _Scorer(spec, base, rows)
    emit(PlanEvent(facts=_facts(device=base.device.name, **scorer.plan)))
    scorer.progress(0)
    with _the_base(model, biases):
        base_score, base_answers = scorer.score(model)
    tuned_score, tuned_answers = scorer.score(model)
    samples = [
        Sample(prompt=row.question, expected=row.expected.strip(), base=before, tuned=after)
        for row, before, after in zip(rows, base_answers, tuned_answers, strict=False)
    ]
    emit(EvaluationEvent(rows=len(rows), base=base_score, tuned=tuned_score, samples=samples[:SAMPLES]))
    return scorer.plan


@contextmanager
def _the_base(model: Any, biases: Biases) -> Iterator[None]:
    """The model as it was without the adapter; peft switches off all but trained biases, of which it has no copy."""
    warnings.filterwarnings("ignore", message="Careful, disabling adapter layers with bias")
    trained = [bias.detach().clone() for bias, _ in biases]
    with model.disable_adapter(), torch.no_grad():
        for bias, before in biases:
            bias.copy_(before)
        yield
        for (bias, _), after in zip(biases, trained, strict=True):
            bias.copy_(after)


class _Scorer:
    """Measures one state of the model; the same rows and the same settings for each."""

    def __init__(self, spec: RunSpec, base: LoadedBase, rows: list[ScoredRow]) -> None:
        self._tokenizer, self._rows = base.tokenizer, rows
        self._others = [replace(row, answer=row.rejected) for row in rows if row.rejected is not None]
        # Where an answer is one of many good ones people see some; elsewhere it is to be met exactly.
        self._wants_exact = spec.row_form not in {RowForm.TEXT, RowForm.PREFERENCE, RowForm.KTO}
        self._asked = rows if self._wants_exact else [] if spec.row_form is RowForm.TEXT else rows[:SAMPLES]
        self.progress = Progress(2 * (len(rows) + len(self._others) + len(self._asked)))
        self._pad = base.tokenizer.pad_token_id
        longest = max(len(row.answer) for row in rows)
        new_tokens = min(longest + MARGIN_TOKENS, MAX_NEW_TOKENS)
        self._generation = greedy(stop_tokens(base.tokenizer, base.model, rows), self._pad, new_tokens)
        self._batching = Batching(spec.config.per_device_train_batch_size * spec.config.max_length)

    @property
    def plan(self) -> dict[str, Any]:
        """What was chosen, for the `PlanEvent`."""
        plan: dict[str, Any] = {"rows": len(self._rows), "scored_on": "the base as it was trained on"}
        if self._asked:
            plan |= {"decoding": "greedy", "max_new_tokens": self._generation.max_new_tokens}
        return plan

    def score(self, model: Any) -> tuple[Score, list[str]]:
        """The scores and the answers in the order of the rows (none for plain text)."""
        forced = teacher_forced(model, self._rows, self._pad, self._batching, self.progress)
        found: dict[str, float] = {"loss": forced.loss, "token_accuracy": forced.token_accuracy}
        if self._others:
            others = teacher_forced(model, self._others, self._pad, self._batching, self.progress)
            right = [chosen < other for chosen, other in zip(forced.row_losses, others.row_losses, strict=True)]
            found["pair_accuracy"] = sum(right) / len(right)
        if not self._asked:
            return Score(**found), []
        texts = answers(
            model, self._asked, self._tokenizer, self._generation, batching=self._batching, on_rows=self.progress
        )
        if self._wants_exact:
            met = sum(text == row.expected.strip() for text, row in zip(texts, self._rows, strict=True))
            found["exact_match"] = met / len(self._rows)
        return Score(**found), texts
