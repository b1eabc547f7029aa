"""What all values of one key have in common, found value by value. Pure.

A shape is None (only null so far), "bool", "int", "float" or "text", a tuple of one shape (a list of such values), or a
dict of shapes by key (an object).
"""

from typing import Any, Union

SMALLEST_INT, LARGEST_INT = -(2**63), 2**63 - 1
DEPTH_LIMIT = 30
FIELDS_LIMIT = 300  # an object with more different keys than this is a table of its own, not a value

Shape = Union[None, str, tuple["Shape"], dict[str, "Shape"], "Anything"]
NAMES = {bool: "bool", int: "int", float: "float", str: "text"}


class Anything:
    """The shape of values that have nothing in common."""


class Misfit(Exception):
    """The value does not fit to those before."""


def wider(shape: Shape, value: Any, depth: int = 0) -> Shape:
    """The shape that fits the value as well.

    Raises:
        Misfit: there is none.
    """
    if value is None:
        return shape
    kind = type(value)
    if kind is list:
        return _wider_list(shape, value, depth)
    if kind is dict:
        return _wider_object(shape, value, depth)
    name = NAMES[kind]
    if shape not in (None, name) or (kind is int and not SMALLEST_INT <= value <= LARGEST_INT):
        raise Misfit
    return name


def _wider_list(shape: Shape, values: list[Any], depth: int) -> Shape:
    if (shape is not None and not isinstance(shape, tuple)) or depth == DEPTH_LIMIT:
        raise Misfit
    inner: Shape = shape[0] if isinstance(shape, tuple) else None
    for value in values:
        inner = wider(inner, value, depth + 1)
    return (inner,)


def _wider_object(shape: Shape, value: dict[str, Any], depth: int) -> Shape:
    if (shape is not None and not isinstance(shape, dict)) or depth == DEPTH_LIMIT:
        raise Misfit
    fields: dict[str, Shape] = {} if shape is None else dict(shape)
    for key, item in value.items():
        fields[key] = wider(fields.get(key), item, depth + 1)
    if len(fields) > FIELDS_LIMIT:
        raise Misfit
    return fields
