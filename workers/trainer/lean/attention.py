"""Attention over rows that lie end to end, each seeing itself only: PyTorch's own FlashAttention for many lengths.

Where that kernel does not run (CPU, GPUs before Ampere, float32), the rows are taken one by one, with the same result.
A call without borders (generation, with or without padding) is transformers' ordinary SDPA attention.
"""

import inspect
from itertools import pairwise
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "graft_flat"
AMPERE = 8
LARGEST_HEAD = 256


def _kernel() -> Any:
    try:
        from torch.nn.attention.varlen import varlen_attn  # noqa: PLC0415 - PyTorch before 2.10 has none
    except ImportError:
        return None
    return varlen_attn


varlen_attn = _kernel()
OPTIONS = frozenset(inspect.signature(varlen_attn).parameters) if varlen_attn else frozenset()


def use_flat_attention(model: PreTrainedModel) -> None:
    """Let every attention layer of the model understand rows that lie end to end."""
    AttentionInterface.register(NAME, flat_attention)
    AttentionMaskInterface.register(NAME, flat_mask)
    model.set_attn_implementation(NAME)


def flat_mask(*arguments: Any, attention_mask: torch.Tensor | None = None, **options: Any) -> torch.Tensor | None:
    """No mask where none is given: the borders say it, or the whole sequence is one row."""
    if attention_mask is None:
        return None
    return sdpa_mask(*arguments, attention_mask=attention_mask, **options)  # type: ignore[misc]


def flat_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as transformers calls it: `query` of shape (batch, heads, tokens, head size) and so on.

    Returns:
        The result of shape (batch, tokens, heads, head size), and no weights.
    """
    if cu_seq_lens_q is None or max_length_q is None:
        result, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **options
        )
        return result, None
    rows = (query[0].transpose(0, 1), key[0].transpose(0, 1), value[0].transpose(0, 1))
    if _has_kernel(query):
        return _by_kernel(rows, cu_seq_lens_q, max_length_q, scaling, sliding_window)[None], None
    return _row_by_row(rows, cu_seq_lens_q.tolist(), scaling, sliding_window)[None], None


def _has_kernel(query: torch.Tensor) -> bool:
    return (
        query.is_cuda
        and varlen_attn is not None
        and query.dtype in {torch.bfloat16, torch.float16}
        and query.shape[-1] <= LARGEST_HEAD
        and torch.cuda.get_device_capability(query.device)[0] >= AMPERE
    )


def _by_kernel(
    rows: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    borders: torch.Tensor,
    longest: int,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    query, key, value = rows
    options: dict[str, Any] = {}
    if "window_size" in OPTIONS:
        options["window_size"] = (window - 1 if window else -1, 0)
    else:
        options["is_causal"] = True
    if query.shape[1] != key.shape[1]:
        if "enable_gqa" in OPTIONS:
            options["enable_gqa"] = True
        else:
            groups = query.shape[1] // key.shape[1]
            key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    result: torch.Tensor = varlen_attn(query, key, value, borders, borders, longest, longest, scale=scaling, **options)
    return result


def _row_by_row(
    rows: tuple[torch.Tensor, torch.Tensor, torch.Tensor], borders: list[int], scaling: float | None, window: int | None
) -> torch.Tensor:
    results = []
    for start, end in pairwise(borders):
        query, key, value = (part[start:end].transpose(0, 1)[None] for part in rows)
        mask = None
        if window and end - start > window:
            distance = torch.arange(end - start, device=query.device)
            distance = distance[:, None] - distance
            mask = (distance >= 0) & (distance < window)
        result = scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=mask is None, scale=scaling, enable_gqa=True
        )
        results.append(result[0].transpose(0, 1))
    return torch.cat(results)
