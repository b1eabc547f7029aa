"""Plain training scripts as somebody would write them with transformers, peft and trl alone: what Graft is held to.

`train` is one such script for each method. It knows nothing of Graft: rows come in the shapes that trl documents, and
trl tokenizes, masks and cuts them itself.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LORA = ("r", "lora_alpha", "lora_dropout", "target_modules")
SHARED = (
    "learning_rate",
    "lr_scheduler_type",
    "max_steps",
    "max_length",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
)


def train(method: str, base: Path, rows: Sequence[Mapping[str, Any]], options: dict[str, Any], folder: Path) -> None:
    """Train with trl's own trainer and write the loss of each step into `folder`."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, set_seed
    from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, RewardConfig, RewardTrainer, SFTConfig, SFTTrainer

    trainers = {
        "sft": (SFTTrainer, SFTConfig),
        "dpo": (DPOTrainer, DPOConfig),
        "kto": (KTOTrainer, KTOConfig),
        "reward": (RewardTrainer, RewardConfig),
    }
    trainer_class, config_class = trainers[method]
    set_seed(42)
    if method == "reward":
        model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1, dtype=torch.float32)
        task = "SEQ_CLS"
    else:
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        task = "CAUSAL_LM"
    own = {name: value for name, value in options.items() if name not in (*LORA, *SHARED)}
    trainer = trainer_class(
        model=model,
        args=config_class(
            output_dir=str(folder / "trl"),
            seed=42,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            **{name: options[name] for name in SHARED},
            **own,
        ),
        train_dataset=Dataset.from_list([dict(row) for row in rows]),
        processing_class=AutoTokenizer.from_pretrained(base),
        peft_config=LoraConfig(task_type=task, **{name: options[name] for name in LORA}),
    )
    trainer.train()
    found = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    (folder / "losses.json").write_text(json.dumps(found))
