"""The columns of a Parquet file for rows of JSON: for each key a type that fits all its values, or JSON as text.

Rows of one key may hold a text here and a list there, which no column type can. Such a column keeps every value as the
JSON that it was; nothing is cut or guessed. Arrow's own guess at a type is not used: it takes 1 and 1.5 for the same.
"""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

from workers.row_exporter.shapes import Anything, Misfit, Shape, wider

Row = Mapping[str, Any]
KEYS_LIMIT = 1_000  # more keys than this are data, not columns


class Columns:
    """Finds the types while batches of rows go by, then makes tables of them."""

    def __init__(self) -> None:
        self._shapes: dict[str, Shape] = {}

    def look_at(self, rows: list[Row]) -> None:
        """Let the types fit these rows as well.

        Raises:
            ValueError: the rows have too many different keys.
        """
        shapes = self._shapes
        for row in rows:
            for key, value in row.items():
                shape = shapes.get(key)
                if not isinstance(shape, Anything):
                    shapes[key] = _fitting(shape, value)
        if len(shapes) > KEYS_LIMIT:
            raise ValueError(f"The rows have more than {KEYS_LIMIT:,} different keys; Parquet needs a column for each.")

    def schema(self) -> pa.Schema:
        """The columns in the order in which their keys appeared."""
        return pa.schema(
            [(key, pa.string() if self._is_json(key) else _type(self._shapes[key])) for key in self._shapes]
        )

    def batch(self, rows: list[Row]) -> pa.RecordBatch:
        """The rows as columns."""
        schema = self.schema()
        return pa.record_batch([self._column(field.name, field.type, rows) for field in schema], schema=schema)

    def _is_json(self, key: str) -> bool:
        shape = self._shapes[key]
        return isinstance(shape, Anything) or not _can_be_written(_type(shape))

    def _column(self, key: str, kind: pa.DataType, rows: list[Row]) -> pa.Array:
        if self._is_json(key):
            texts = [json.dumps(row[key], ensure_ascii=False) if key in row else None for row in rows]
            return pa.array(texts, pa.string())
        return pa.array([row.get(key) for row in rows], kind)


def _fitting(shape: Shape, value: Any) -> Shape:
    try:
        return wider(shape, value)
    except Misfit:
        return Anything()


def _type(shape: Shape) -> pa.DataType:
    """A key that is null in every row becomes a column of texts, and so does a list of nulls."""
    match shape:
        case dict():
            return pa.struct([(key, _type(inner)) for key, inner in shape.items()])
        case (inner,):
            return pa.list_(_type(inner))
        case "bool":
            return pa.bool_()
        case "int":
            return pa.int64()
        case "float":
            return pa.float64()
        case _:
            return pa.string()


def _can_be_written(kind: pa.DataType) -> bool:
    """Parquet has no structs without fields."""
    if pa.types.is_struct(kind):
        return kind.num_fields > 0 and all(_can_be_written(field.type) for field in kind)
    return not pa.types.is_list(kind) or _can_be_written(kind.value_type)
