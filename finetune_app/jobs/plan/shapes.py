"""The sizes of a model that memory and time depend on, read from its config.json. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from finetune_app.jobs.training_config import ALL_LINEAR, TrainingConfig

# The same thing under the names of different architectures.
HIDDEN = ("hidden_size", "n_embd", "d_model")
LAYERS = ("num_hidden_layers", "n_layer", "num_layers")
HEADS = ("num_attention_heads", "n_head", "num_heads")
INTERMEDIATE = ("intermediate_size", "n_inner", "ffn_dim", "d_ff")
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
FEED_FORWARD_RATIO = 4  # of architectures that do not say it (GPT-2)
LLAMA_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class Linear:
    """One linear module of each layer; `source` names the activation that goes into it."""

    inputs: int
    outputs: int
    source: str

    @property
    def parameters(self) -> int:
        """Of its weight."""
        return self.inputs * self.outputs


@dataclass(frozen=True)
class ModelShape:
    """A decoder of equal layers. Sizes are numbers of values.

    Attributes:
        hidden: of a token between layers.
        query: of all heads together; `key_value` of all heads of keys, and again of values.
        intermediate: inside the feed-forward part.
        gated: whether that part has a gate.
        tied: whether the output head is the embedding itself.
        parameters: of the whole model.
        linears: the linear modules of one layer, by their last name.
    """

    hidden: int
    layers: int
    heads: int
    query: int
    key_value: int
    intermediate: int
    gated: bool
    vocabulary: int
    tied: bool
    parameters: int
    linears: Mapping[str, Linear]

    @property
    def linear_parameters(self) -> int:
        """Of the linear modules of all layers: what quantization compresses."""
        return self.layers * sum(linear.parameters for linear in self.linears.values())

    @property
    def head_parameters(self) -> int:
        """Of the output head."""
        return self.hidden * self.vocabulary

    def targets(self, config: TrainingConfig) -> dict[str, tuple[Linear, int]]:
        """The modules of a layer that get an adapter, each with its rank."""
        names = self.linears if config.target_modules == ALL_LINEAR else config.target_modules
        found: dict[str, tuple[Linear, int]] = {}
        for full in names:
            name = full.rpartition(".")[2]
            linear = self.linears.get(name) or Linear(self.hidden, self.hidden, name)
            found[name] = linear, config.rank_pattern.get(full, config.rank_pattern.get(name, config.r))
        return found

    def adapted_layers(self, config: TrainingConfig) -> int:
        """How many layers get an adapter."""
        return len({layer for layer in config.layers_to_transform if layer < self.layers}) or self.layers

    def trained_parameters(self, config: TrainingConfig) -> int:
        """Of the adapter, with modules trained in full and single trained tokens."""
        layers = self.adapted_layers(config)
        adapter = sum(rank * (linear.inputs + linear.outputs) for linear, rank in self.targets(config).values())
        magnitudes = sum(linear.outputs for linear, _ in self.targets(config).values()) if config.use_dora else 0
        whole = sum(self._module_parameters(name) for name in set(config.modules_to_save))
        return layers * (adapter + magnitudes) + whole + self.hidden * len(set(config.trainable_token_indices))

    def _module_parameters(self, full: str) -> int:
        name = full.rpartition(".")[2]
        linear = self.linears.get(name)
        return self.layers * linear.parameters if linear else self.head_parameters


def model_shape(
    config: Mapping[str, Any], *, parameters: int | None = None, modules: Iterable[str] = LLAMA_MODULES
) -> ModelShape | None:
    """The shape that a base's config.json tells.

    Args:
        config: config.json; of a model that does more than text, its text part is taken.
        parameters: of the whole model, where they were counted.
        modules: the last names of its linear modules.

    Returns:
        None when the config does not say enough, or the layers are of a kind whose needs are not known (experts).
    """
    text = config.get("text_config")
    told = {**config, **text} if isinstance(text, Mapping) else config
    hidden, layers, heads = (_number(told, names) for names in (HIDDEN, LAYERS, HEADS))
    vocabulary = _number(told, ("vocab_size",))
    if not (hidden and layers and heads and vocabulary) or any(_number(told, (name,)) > 1 for name in EXPERTS):
        return None
    size = _number(told, ("head_dim",)) or hidden // heads
    query = heads * size
    key_value = (_number(told, ("num_key_value_heads",)) or heads) * size
    intermediate = _number(told, INTERMEDIATE) or FEED_FORWARD_RATIO * hidden
    linears = _linears(tuple(modules), hidden, query, key_value, intermediate)
    tied = bool(told.get("tie_word_embeddings", False))
    counted = layers * sum(linear.parameters for linear in linears.values()) + hidden * vocabulary * (1 if tied else 2)
    return ModelShape(
        hidden=hidden,
        layers=layers,
        heads=heads,
        query=query,
        key_value=key_value,
        intermediate=intermediate,
        gated=bool({"gate_proj", "gate_up_proj"} & linears.keys()),
        vocabulary=vocabulary,
        tied=tied,
        parameters=max(parameters or 0, counted),
        linears=linears,
    )


def _number(config: Mapping[str, Any], names: tuple[str, ...]) -> int:
    """The first of these that is a positive whole number, else 0."""
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return 0


def _linears(modules: tuple[str, ...], hidden: int, query: int, key_value: int, intermediate: int) -> dict[str, Linear]:
    """Each module by what its name stands for in transformers' architectures; an unknown name counts as square."""
    sizes = {
        "q_proj": Linear(hidden, query, "attention norm"),
        "k_proj": Linear(hidden, key_value, "attention norm"),
        "v_proj": Linear(hidden, key_value, "attention norm"),
        "qkv_proj": Linear(hidden, query + 2 * key_value, "attention norm"),
        "query_key_value": Linear(hidden, query + 2 * key_value, "attention norm"),
        "c_attn": Linear(hidden, query + 2 * key_value, "attention norm"),
        "o_proj": Linear(query, hidden, "attention"),
        "out_proj": Linear(query, hidden, "attention"),
        "dense": Linear(query, hidden, "attention"),
        "gate_proj": Linear(hidden, intermediate, "feed-forward norm"),
        "up_proj": Linear(hidden, intermediate, "feed-forward norm"),
        "gate_up_proj": Linear(hidden, 2 * intermediate, "feed-forward norm"),
        "fc1": Linear(hidden, intermediate, "feed-forward norm"),
        "c_fc": Linear(hidden, intermediate, "feed-forward norm"),
        "dense_h_to_4h": Linear(hidden, intermediate, "feed-forward norm"),
        "down_proj": Linear(intermediate, hidden, "feed-forward"),
        "fc2": Linear(intermediate, hidden, "feed-forward"),
        "dense_4h_to_h": Linear(intermediate, hidden, "feed-forward"),
    }
    return {name: sizes.get(name, Linear(hidden, hidden, name)) for name in modules}
