"""Combines adapters by peft's `add_weighted_adapter`, on a model without weights: it needs the factors only."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peft
import torch
from peft import LoraConfig, PeftModel, load_peft_weights, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from transformers import set_seed

from adapters.adapter_folder_names import CONFIG, WEIGHTS
from finetune_app.errors import UserError
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.states import Phase
from workers.adapter_combiner.spec import BASE_FOLDER, RESULT_FOLDER, CombinationSpec, Combined, part_folder
from workers.child import ChildFailure, stop_if_asked
from workers.progress import Progress
from workers.without_weights import bare_model

RESULT = "combined"


def combine(run_folder: Path, spec: CombinationSpec) -> Combined:
    """Write the combined adapter into the run folder.

    Raises:
        ChildFailure: MERGE_UNFIT, peft's words for why they do not go together, or a value that is not finite.
    """
    parts = [part_folder(run_folder, place) for place in range(len(spec.weights))]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    names = [f"part-{place}" for place in range(len(parts))]
    model = _bare(run_folder / BASE_FOLDER, spec, device)
    tuned = _with_adapters(model, dict(zip(names, parts, strict=True)))
    layers = {key: layer for key, layer in model.named_modules() if isinstance(layer, LoraLayer)}
    _plain_configs(tuned, names, layers)
    set_seed(spec.options.seed)
    with _told(tuned, len(layers)), _explained():
        tuned.base_model.add_weighted_adapter(
            names,
            spec.weights,
            RESULT,
            combination_type=spec.options.combination_type.value,
            svd_rank=spec.options.svd_rank,
            svd_full_matrices=False,
            density=spec.options.density if spec.options.combination_type.prunes else None,
        )
    _check_finite(layers)
    distance = _distance(layers, names, spec.weights)
    config: LoraConfig = tuned.peft_config[RESULT]
    _save(tuned, run_folder)
    return Combined(
        modules=len(layers),
        r=config.r,
        lora_alpha=config.lora_alpha,
        target_modules=sorted(config.target_modules or []),
        distance=distance,
        peft_version=peft.__version__,
        device=device,
    )


def _bare(folder: Path, spec: CombinationSpec, device: str) -> Any:
    """The model with one number spread over each weight's shape: peft asks for shape, dtype and device only."""
    try:
        model = bare_model(folder, spec.base, trust_remote_code=spec.trust_remote_code)
    except UserError as error:
        raise ChildFailure(Cause.MERGE_UNFIT, error.message) from error
    for module in model.modules():
        for name, weight in module.named_parameters(recurse=False):
            spread = torch.zeros((), device=device).expand(weight.shape)
            module.register_parameter(name, torch.nn.Parameter(spread, requires_grad=False))
    return model


def _with_adapters(model: Any, parts: dict[str, Path]) -> Any:
    """The model with all of them; peft keeps factors in float32, so that adding them up loses nothing."""
    tuned: Any = None
    for name, folder in parts.items():
        config: Any = LoraConfig.from_pretrained(str(folder))
        config.inference_mode = True
        config.init_lora_weights = False
        if tuned is None:
            tuned = PeftModel(model, config, adapter_name=name)
        else:
            tuned.add_adapter(name, config)
        found: Any = set_peft_model_state_dict(tuned, load_peft_weights(str(folder), device="cpu"), adapter_name=name)
        if found.unexpected_keys:
            raise ChildFailure(Cause.MERGE_UNFIT, f"“{found.unexpected_keys[0]}” has no place in the base.")
        stop_if_asked()
    return tuned


def _plain_configs(tuned: Any, names: list[str], layers: dict[str, Any]) -> None:
    """Name the modules plainly, for of the first config peft makes the result's, with its patterns and its scale.

    Where modules are named by different kinds of patterns it would refuse, and where the first is an rsLoRA adapter it
    would scale the result once more, whose factors hold all scales already.
    """
    for name in names:
        config = tuned.peft_config[name]
        config.target_modules = _targets({key for key, layer in layers.items() if name in _adapters_in(layer)}, tuned)
        config.layers_to_transform = config.layers_pattern = config.exclude_modules = None
        config.use_rslora = False


def _targets(keys: set[str], tuned: Any) -> set[str]:
    """The last parts of their names where these mean the same modules, else the whole names."""
    leaves = {key.rpartition(".")[2] for key in keys}
    same = {
        key
        for key, module in tuned.base_model.model.named_modules()
        if key.rpartition(".")[2] in leaves and ".lora_" not in key and ".base_layer" not in key
    }
    return leaves if same == keys else keys


def _adapters_in(layer: Any) -> set[str]:
    return {*layer.lora_A, *layer.lora_embedding_A}


@contextmanager
def _told(tuned: Any, layers: int) -> Iterator[None]:
    """Tell the progress while peft goes through the layers without a word: by one of two methods for each."""
    progress = Progress(Phase.MERGING, layers)
    model = tuned.base_model

    def counted(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            factors = method(*arguments, **options)
            progress.add()
            return factors

        return call

    for name in ("_svd_generalized_task_arithmetic_weighted_adapter", "_generalized_task_arithmetic_weighted_adapter"):
        setattr(model, name, counted(getattr(model, name)))
    yield


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (ValueError, RuntimeError) as error:
        raise ChildFailure(Cause.MERGE_UNFIT, f"peft says: {' '.join(str(error).split())[:300]}") from error


def _check_finite(layers: dict[str, Any]) -> None:
    for key, layer in layers.items():
        factors = [
            *(part[RESULT].weight for part in (layer.lora_A, layer.lora_B) if RESULT in part),
            *(part[RESULT] for part in (layer.lora_embedding_A, layer.lora_embedding_B) if RESULT in part),
        ]
        if not all(bool(torch.isfinite(factor).all()) for factor in factors):
            detail = f"The result has values that are not finite in {key}. Choose smaller weights."
            raise ChildFailure(Cause.MERGE_UNFIT, detail)


def _distance(layers: dict[str, Any], names: list[str], weights: list[float]) -> float:
    """How far the result is from the exact sum, over its norm; module by module, so one change at a time is held."""
    square = difference = 0.0
    for layer in layers.values():
        stop_if_asked()
        within = [(name, weight) for name, weight in zip(names, weights, strict=True) if name in _adapters_in(layer)]
        total = sum(weight * layer.get_delta_weight(name) for name, weight in within)
        square += float(torch.sum(total**2))
        difference += float(torch.sum((layer.get_delta_weight(RESULT) - total) ** 2))
    return math.sqrt(difference / square) if square else 0.0


def _save(tuned: Any, run_folder: Path) -> None:
    tuned.save_pretrained(run_folder, selected_adapters=[RESULT], save_embedding_layers=False)
    target = run_folder / RESULT_FOLDER
    target.mkdir()
    for name in (CONFIG, WEIGHTS):
        (run_folder / RESULT / name).rename(target / name)
