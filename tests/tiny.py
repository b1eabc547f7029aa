"""A tiny real base model: Llama with two layers, as SmolLM2 is built, and a byte-level BPE tokenizer with ChatML.

It is written by hand (numpy and tokenizers, no torch), so that making it takes a fraction of a second and tests of the
web side can have one too. Same seed, same bytes.
"""

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
VOCABULARY, HIDDEN, INTERMEDIATE, LAYERS, HEADS, KV_HEADS = 512, 64, 128, 2, 4, 2
CORPUS = (
    'Turn the message into one line of JSON. {"topic":"refund","order":"A-7398","urgent":false}',
    'My parcel has not come. {"topic":"delivery","order":"H-3919","urgent":true}',
    "system user assistant What is the colour of the sky? The sky is blue.",
    "0 1 2 3 4 5 6 7 8 9 one two three four five six seven eight nine ten",
)
CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": HIDDEN,
    "initializer_range": 0.04,
    "intermediate_size": INTERMEDIATE,
    "max_position_embeddings": 2048,
    "mlp_bias": False,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "num_key_value_heads": KV_HEADS,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 100000,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.42.3",
    "use_cache": True,
    "vocab_size": VOCABULARY,
}
Tensors = dict[str, tuple[str, tuple[int, ...], bytes]]  # name -> safetensors dtype, shape, bytes


@cache
def tiny_base() -> Path:
    """The folder of a tiny base, made once per process; copy it before changing anything in it."""
    folder = Path(tempfile.mkdtemp(prefix="graft-tiny-base-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    make_tiny_base(folder)
    return folder


def make_tiny_base(
    folder: Path, *, seed: int = 0, template: str | None = CHATML, tensors: Tensors | None = None
) -> None:
    """Write a tiny base into `folder`.

    Args:
        folder: made when it is missing.
        seed: another one is another model.
        template: None leaves the base without one.
        tensors: weights that take the place of the random ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2))
    (folder / "generation_config.json").write_text(json.dumps({"bos_token_id": 1, "eos_token_id": 2}))
    write_safetensors(folder / "model.safetensors", tensors or tiny_tensors(seed))
    _make_tokenizer().save(str(folder / "tokenizer.json"))
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 2048,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config, indent=2))
    if template is not None:
        (folder / "chat_template.jinja").write_text(template)


def tiny_tensors(seed: int = 0) -> Tensors:
    """Random bfloat16 weights by transformers' names."""
    random = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN)}
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        kv = HIDDEN // HEADS * KV_HEADS
        shapes |= {
            f"{prefix}.input_layernorm.weight": (HIDDEN,),
            f"{prefix}.post_attention_layernorm.weight": (HIDDEN,),
            f"{prefix}.self_attn.q_proj.weight": (HIDDEN, HIDDEN),
            f"{prefix}.self_attn.k_proj.weight": (kv, HIDDEN),
            f"{prefix}.self_attn.v_proj.weight": (kv, HIDDEN),
            f"{prefix}.self_attn.o_proj.weight": (HIDDEN, HIDDEN),
            f"{prefix}.mlp.gate_proj.weight": (INTERMEDIATE, HIDDEN),
            f"{prefix}.mlp.up_proj.weight": (INTERMEDIATE, HIDDEN),
            f"{prefix}.mlp.down_proj.weight": (HIDDEN, INTERMEDIATE),
        }
    shapes["model.norm.weight"] = (HIDDEN,)
    return {name: ("BF16", shape, _weights(random, shape)) for name, shape in shapes.items()}


def write_safetensors(path: Path, tensors: Tensors, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file by hand."""
    header: dict[str, Any] = {"__metadata__": metadata or {"format": "pt"}}
    position = 0
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, position + len(content)]}
        position += len(content)
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    with path.open("wb") as file:
        file.write(len(encoded).to_bytes(8, "little") + encoded)
        for _, _, content in tensors.values():
            file.write(content)


def _weights(random: np.random.Generator, shape: tuple[int, ...]) -> bytes:
    if len(shape) == 1:
        values = np.ones(shape, np.float32)
    else:
        values = random.normal(0.0, 1.0 / np.sqrt(shape[-1]), shape).astype(np.float32)
    return ((values.view(np.uint32) + 0x8000) >> 16).astype("<u2").tobytes()


def _make_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer
