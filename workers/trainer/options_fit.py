"""Options that name a part of the base must name one that it has: PEFT would do without and say nothing."""

from collections.abc import Iterable

from adapters.fingerprint import linear_layers
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.training_config import ALL_LINEAR, TrainingConfig
from workers.child import ChildFailure
from workers.loading import LoadedBase, embedding_rows

NEEDS_DIRECTIONS = {"pissa": "PiSSA", "olora": "OLoRA", "eva": "EVA"}

NEEDS_WEIGHTS = frozenset({"pissa", "olora", "orthogonal", "loftq"})


def check_options_fit(config: TrainingConfig, base: LoadedBase) -> None:
    """Look at all of them.

    Raises:
        ChildFailure: OPTIONS_UNFIT, with what the base has.
    """
    _check_initial_weights(config, base)
    _check_patterns(config, base)
    _check_layers(config, base)
    _check_modules(config, base)
    _check_tokens(config, base)
    _check_directions(config, base)


def matches(layer: str, name: str) -> bool:
    """Whether `name` is the layer's whole name or its last parts, as PEFT matches."""
    return f".{layer}".endswith(f".{name}")


def _target_layers(config: TrainingConfig, base: LoadedBase) -> list[str]:
    layers = linear_layers(base.identity.leaves)
    if config.target_modules == ALL_LINEAR:
        return list(layers)
    return [layer for layer in layers if any(matches(layer, name) for name in config.target_modules)]


def _check_initial_weights(config: TrainingConfig, base: LoadedBase) -> None:
    if base.quantized_already and config.init_lora_weights in NEEDS_WEIGHTS:
        raise ChildFailure(
            Cause.OPTIONS_UNFIT,
            f"The base is quantized already ({base.quantized_already}), and “{config.init_lora_weights}” initial "
            "weights need its unquantized weights. Choose others.",
        )


def _check_patterns(config: TrainingConfig, base: LoadedBase) -> None:
    layers = _target_layers(config, base)
    for name in (*config.rank_pattern, *config.alpha_pattern):
        if not any(matches(layer, name) for layer in layers):
            _refuse(f"none of the target modules is called “{name}”", base.identity.linear_modules)


def _check_layers(config: TrainingConfig, base: LoadedBase) -> None:
    count = base.model.config.get_text_config().num_hidden_layers
    if config.layers_to_transform and max(config.layers_to_transform) >= count:
        raise ChildFailure(
            Cause.OPTIONS_UNFIT,
            f"The base model has no layer {max(config.layers_to_transform)}; its {count} layers are counted from 0.",
        )


def _check_modules(config: TrainingConfig, base: LoadedBase) -> None:
    names = [name for name, _ in base.model.named_modules() if name]
    for wanted in config.modules_to_save:
        if not any(matches(name, wanted) for name in names):
            _refuse(f"it has no module “{wanted}” to train in full", {name.rpartition(".")[2] for name in names})


def _check_tokens(config: TrainingConfig, base: LoadedBase) -> None:
    count = embedding_rows(base.model)
    if config.trainable_token_indices and max(config.trainable_token_indices) >= count:
        raise ChildFailure(
            Cause.OPTIONS_UNFIT,
            f"The base model has no token {max(config.trainable_token_indices)}; its {count:,} tokens are counted "
            "from 0.",
        )


def _check_directions(config: TrainingConfig, base: LoadedBase) -> None:
    """These initial weights are directions of a module, of which there are no more than it has rows or columns."""
    words = NEEDS_DIRECTIONS.get(config.init_lora_weights)
    if words is None:
        return
    layers = set(_target_layers(config, base))
    for leaf in base.identity.leaves:
        layer = leaf.name.removesuffix(".weight")
        if layer not in layers:
            continue
        rank = max((rank for name, rank in config.rank_pattern.items() if matches(layer, name)), default=config.r)
        if rank > min(leaf.shape):
            raise ChildFailure(
                Cause.OPTIONS_UNFIT,
                f"{words} finds no more than {min(leaf.shape)} directions in “{layer}”; lower the rank of {rank}, or "
                "choose other initial weights.",
            )


def _refuse(sentence: str, known: Iterable[str]) -> None:
    names = ", ".join(sorted(set(known) - {""}))
    raise ChildFailure(Cause.OPTIONS_UNFIT, f"The base model does not fit the options: {sentence}. It has {names}.")
