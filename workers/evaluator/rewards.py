"""A reward model on held-out preferences: how often the chosen answer gets the higher score.

It writes no answers, and its base has no head that could score any, so there is nothing to compare it with.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from finetune_app.datasets.formats import TrainingRow
from finetune_app.jobs.events import EvaluationEvent, PlanEvent, Score
from workers.child import emit, log
from workers.encoding import Encoder, encode_pairs
from workers.evaluator.measure import Batching
from workers.evaluator.progress import Progress
from workers.loading import load, peak_memory_bytes
from workers.spec import ADAPTER_FOLDER, RunSpec

SCORED_ON = "the base as it was trained on; without the adapter it gives no scores"


def score_rewards(run_folder: Path, spec: RunSpec, rows: Sequence[TrainingRow]) -> dict[str, Any]:
    """Emit the share of pairs that the reward model has the right way round; returns the facts."""
    start = time.monotonic()
    base = load(spec)
    base.model.config.get_text_config().pad_token_id = base.tokenizer.pad_token_id  # as in training
    length = spec.config.max_length
    encoded = encode_pairs(Encoder(base.tokenizer, spec.row_form), rows)
    pairs = [(chosen.input_ids, rejected.input_ids) for chosen, rejected in encoded]
    whole = [pair for pair in pairs if max(map(len, pair)) <= length]
    if len(whole) < len(rows):
        log(f"{len(rows) - len(whole)} held-out rows are longer than the max length and not scored.", level="warning")
    if not whole:
        return {"rows": 0}
    facts = {"rows": len(whole), "scored_on": SCORED_ON}
    emit(PlanEvent(facts={"evaluation": {"device": base.device.name, **facts}}))
    model = PeftModel.from_pretrained(base.model, str(run_folder / ADAPTER_FOLDER))
    model.eval()
    progress = Progress(2 * len(whole))
    progress(0)
    batching = Batching(spec.config.per_device_train_batch_size * length)
    scores = _scores(model, [ids for pair in whole for ids in pair], base.tokenizer.pad_token_id, batching, progress)
    right = sum(chosen > rejected for chosen, rejected in zip(scores[::2], scores[1::2], strict=True))
    emit(EvaluationEvent(rows=len(whole), base=Score(), tuned=Score(pair_accuracy=right / len(whole))))
    return {**facts, "seconds": round(time.monotonic() - start, 1), "peak_memory_bytes": peak_memory_bytes()}


def _scores(model: Any, sequences: list[list[int]], pad: int, batching: Batching, progress: Progress) -> list[float]:
    """The score of each sequence, in order; padded on the right, as in training."""

    def scored(indices: Sequence[int]) -> list[float]:
        batch = [sequences[index] for index in indices]
        width = max(map(len, batch))
        ids = torch.tensor([one + [pad] * (width - len(one)) for one in batch], device=model.device)
        mask = torch.tensor([[1] * len(one) + [0] * (width - len(one)) for one in batch], device=model.device)
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        scores: list[float] = logits.float().flatten().tolist()
        return scores

    found = [0.0] * len(sequences)
    for indices, scores in batching.compute([len(sequence) for sequence in sequences], scored):
        for index, score in zip(indices, scores, strict=True):
            found[index] = score
        progress(len(indices))
    return found
