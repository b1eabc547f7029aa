"""How REST reads a body: JSON, or YAML where the content type says so."""

from typing import Any, cast

import yaml
from django.http import HttpRequest
from ninja.parser import Parser

from finetune_app.errors import UserError

YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml"})
MOST_YAML_BYTES = 64 * 1024


class _Loader(yaml.SafeLoader):
    """Plain values only: aliases could make a short text endless, and of two keys alike one would be lost."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not read", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        values = super().construct_mapping(node, deep=deep)
        if len(values) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key stands twice", node.start_mark)
        return values


class BodyParser(Parser):
    """Django-ninja's parser that knows YAML as well."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """The body's values.

        Raises:
            UserError: `invalid_yaml` or `yaml_too_large`.
            ValueError: it is not JSON.
        """
        if request.content_type in YAML_TYPES:
            return read_yaml(request.body)
        return super().parse_body(request)


def read_yaml(text: bytes) -> dict[str, Any]:
    """The mapping that `text` is.

    Raises:
        UserError: `invalid_yaml` or `yaml_too_large`.
    """
    if len(text) > MOST_YAML_BYTES:
        raise UserError("yaml_too_large", f"Send at most {MOST_YAML_BYTES // 1024} KiB of YAML.", status=413)
    try:
        values = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        raise _invalid(_where(error)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _invalid("it cannot be read") from error
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise _invalid("it is not a mapping of names to values")
    return cast("dict[str, Any]", values)


def _where(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    problem = error.problem or "it cannot be read"
    return f"{problem}, in line {mark.line + 1}" if mark else problem


def _invalid(why: str) -> UserError:
    return UserError("invalid_yaml", f"The body is not valid YAML: {why}. Mend it and send it again.", status=400)
