"""Liger's fused kernels (Hsu et al. 2024) for norms, rotary positions and gated layers, where they run."""

import importlib.util
import logging

import torch
from transformers import PreTrainedModel


def use_fused_kernels(model: PreTrainedModel) -> bool:
    """Put the kernels into the model; says whether there are any for this device and architecture."""
    if not torch.cuda.is_available() or importlib.util.find_spec("liger_kernel") is None:
        return False
    # It tells at length which kernels for other devices it has not.
    logging.getLogger("liger_kernel").setLevel(logging.ERROR)
    from liger_kernel.transformers import _apply_liger_kernel_to_instance  # noqa: PLC0415 - needs Triton
    from liger_kernel.transformers.monkey_patch import MODEL_TYPE_TO_APPLY_LIGER_FN  # noqa: PLC0415

    if model.config.model_type not in MODEL_TYPE_TO_APPLY_LIGER_FN:
        return False
    # The loss is our own: Liger's reads a count back from the device in every call.
    _apply_liger_kernel_to_instance(model, cross_entropy=False, fused_linear_cross_entropy=False)
    return True
