"""Dynamic Fine-Tuning (Wu et al. 2025), which Graft does not have: all that adding a method takes is a file like this."""

from typing import Literal

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.methods.method import Method
from finetune_app.jobs.options import option
from finetune_app.jobs.training_config import TrainingConfig


class DFTOptions(TrainingConfig):
    """One DFT run."""

    method: Literal["dft"] = "dft"
    neftune_noise_alpha: float | None = option(
        None, title="Noise (neftune_noise_alpha)", group="method", ge=0.0, le=100.0, help="Noise on the embeddings."
    )


METHOD = Method(
    name="dft",
    title="Dynamic fine-tuning (DFT)",
    help="Learns most from what is likely already.",
    options=DFTOptions,
    forms=frozenset({RowForm.CHAT}),
    trainer="trl:SFTTrainer",
    arguments="trl:SFTConfig",
    own_arguments=lambda options: {
        "loss_type": "dft",
        "neftune_noise_alpha": options.neftune_noise_alpha,
        "dataset_kwargs": {"skip_prepare_dataset": True},
    },
)
