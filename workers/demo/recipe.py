"""The training config of the sample job: SmolLM2-135M-Instruct learns to turn a support message into strict JSON.

Measured on the sample dataset (300 training rows, 30 held-out ones): see `SAMPLE_CONFIG`.
"""

from typing import Any

SAMPLE_CONFIG: dict[str, Any] = {
    "r": 16,
    "lora_alpha": 32,
    "lora_dropout": 0.0,
    "target_modules": ["q_proj", "v_proj"],
    "quantization": "nf4",
    "learning_rate": 2e-3,
    "lr_scheduler_type": "constant",
    "max_steps": 60,
    "max_length": 256,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
}
