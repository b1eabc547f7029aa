"""From what a person or a REST client typed to the options of an export, with a sentence for each wrong one. Pure."""

from collections.abc import Mapping
from typing import Any, cast, get_args

from pydantic import BaseModel, ValidationError

from finetune_app.errors import InvalidFields, UserError
from finetune_app.jobs.parse_config import sentences_in
from finetune_app.merges.export_options import ExportOptions
from finetune_app.merges.states import ExportKind

KIND = "kind"
CLASSES: dict[ExportKind, type[BaseModel]] = {
    one.model_fields[KIND].default: one for one in get_args(get_args(ExportOptions)[0])
}
"""The options of each kind; in the order in which kinds are offered."""


def parse_export_options(values: Mapping[str, Any]) -> ExportOptions:
    """The options in `values`; what is not named gets its default.

    Raises:
        UserError: `kind_unknown`.
        InvalidFields: option → its sentence.
    """
    kind = values.get(KIND)
    if not isinstance(kind, str) or kind not in set(ExportKind):
        raise UserError("kind_unknown", f"Choose what to export as: {', '.join(ExportKind)}.", field=KIND)
    try:
        return cast("ExportOptions", CLASSES[ExportKind(kind)].model_validate(dict(values)))
    except ValidationError as error:
        raise InvalidFields(sentences_in(error, "")) from None
