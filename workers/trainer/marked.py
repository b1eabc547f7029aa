"""trl's KTOTrainer on rows of tokens; the base without the adapter is the reference."""

from typing import Any

from trl.trainer.kto_trainer import KTOTrainer

from workers.trainer.counted import Prepared


class MarkedTrainer(Prepared, KTOTrainer):
    """KTO, its loss and its figures are trl's."""

    def _prepare_dataset(self, dataset: Any, _tokenizer: Any, args: Any, _name: str) -> Any:
        """Give each row the answer of the row before it in its batch, which the KL term is estimated from."""
        if not self.calculate_KL:
            return dataset
        return dataset.map(_with_others, batched=True, batch_size=args.per_device_train_batch_size)


def _with_others(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    answers = batch["completion_ids"]
    return {"KL_completion_ids": [answers[-1], *answers[:-1]]}
