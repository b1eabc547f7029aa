"""Kahneman-Tversky Optimization (Ethayarajh et al. 2024): learn from answers that are marked good or bad."""

from typing import ClassVar, Literal

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.methods.method import Method
from finetune_app.jobs.methods.rules import head_stays_as_it_is
from finetune_app.jobs.options import option
from finetune_app.jobs.training_config import TrainingConfig

KTOLoss = Literal["kto", "apo_zero_unpaired"]


class KTOOptions(TrainingConfig):
    """One KTO run; the base without the adapter is the reference."""

    compares_with_base: ClassVar[bool] = True
    method: Literal["kto"] = "kto"
    beta: float = option(
        0.1,
        title="Beta",
        group="method",
        simple=True,
        gt=0.0,
        le=10.0,
        help="How tightly the model is held to the base. Lower lets it move further; 0.1 is usual.",
    )
    loss_type: KTOLoss = option(
        "kto",
        title="Loss (loss_type)",
        group="method",
        choices={"kto": "KTO", "apo_zero_unpaired": "APO-zero, unpaired"},
        help="How a marked answer becomes a loss.",
    )
    desirable_weight: float = option(
        1.0,
        title="Weight of good answers",
        group="method",
        ge=0.0,
        le=100.0,
        help="Raise it when good answers are few beside bad ones.",
    )
    undesirable_weight: float = option(
        1.0,
        title="Weight of bad answers",
        group="method",
        ge=0.0,
        le=100.0,
        help="Raise it when bad answers are few beside good ones.",
    )

    def broken_by_method(self) -> dict[str, str]:
        """What trl's trainer refuses."""
        broken = head_stays_as_it_is(self.target_modules)
        if self.loss_type == "kto" and self.per_device_train_batch_size == 1:
            broken["per_device_train_batch_size"] = (
                "KTO compares the answers of a batch with each other: it needs 2 or more, or the unpaired loss."
            )
        return broken


METHOD = Method(
    name="kto",
    title="Marked answers (KTO)",
    help="Learns from single answers that are marked as good or bad.",
    options=KTOOptions,
    forms=frozenset({RowForm.KTO}),
    trainer="workers.trainer.marked:MarkedTrainer",
    arguments="trl:KTOConfig",
    rows="workers.trainer.marked_rows:MarkedRows",
    own_arguments=lambda options: {
        "beta": options.beta,
        "loss_type": options.loss_type,
        "desirable_weight": options.desirable_weight,
        "undesirable_weight": options.undesirable_weight,
    },
)
