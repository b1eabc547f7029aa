"""The training config of the sample job: SmolLM2-135M-Instruct learns to turn a support message into strict JSON.

On the sample dataset (300 training rows, 30 held-out ones) it takes 70 s on 2 CPU cores with bfloat16 instructions and
145 s on 2 without; exact match on the held-out rows goes from 0 to 30 of 30 with this seed, to 25 with another.
What was tried around it (60 to 75 steps each): a learning rate of 2e-3 gives 25 to 28 of 30, a falling learning rate 22
to 25, all linear layers at 1e-3 26 and at 5e-4 20. A constant rate moves the adapter furthest in few steps.
"""

from typing import Any

SAMPLE_CONFIG: dict[str, Any] = {
    "r": 16,
    "lora_alpha": 32,
    "lora_dropout": 0.0,
    "target_modules": ["q_proj", "v_proj"],
    "quantization": "nf4",
    "learning_rate": 3e-3,
    "lr_scheduler_type": "constant",
    "max_steps": 60,
    "max_length": 256,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
}
