"""The methods of fine-tuning: each module in this package that holds a `METHOD` is one. Pure.

A new method is a new file here and nothing else: form, REST, trainer and docs find it by itself.
"""

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.methods.method import Method
from finetune_app.jobs.training_config import TrainingConfig

DEFAULT_METHOD = "sft"


def _found() -> dict[str, Method]:
    modules = (import_module(f"{__name__}.{item.name}") for item in pkgutil.iter_modules(__path__))
    methods = {module.METHOD.name: module.METHOD for module in modules if hasattr(module, "METHOD")}
    first = {DEFAULT_METHOD: methods[DEFAULT_METHOD]}
    return first | methods


METHODS: dict[str, Method] = _found()
"""By name, the default first."""


def method_of(config: TrainingConfig) -> Method:
    """The method that the config is for."""
    return METHODS[config.method]


def method_for(form: RowForm) -> Method:
    """The method that rows of this form are made for: the first that learns from them."""
    return next(method for method in METHODS.values() if form in method.forms)


def load_config(values: Mapping[str, Any]) -> TrainingConfig:
    """The config in `values`, of the class of its method; what is not named gets its default.

    Raises:
        pydantic.ValidationError: some option is wrong.
    """
    name = values.get("method", DEFAULT_METHOD)
    method = METHODS.get(name) if isinstance(name, str) else None
    return (method or METHODS[DEFAULT_METHOD]).options.model_validate(dict(values))


def _loaded(value: Any) -> Any:
    return load_config(value) if isinstance(value, Mapping) else value


AnyConfig = Annotated[SerializeAsAny[TrainingConfig], BeforeValidator(_loaded)]
"""A config of any method, as a field of another pydantic class."""
