"""The columns of a Parquet file for rows of JSON: for each key a type that fits all its values, or JSON as text.

Rows of one key may hold a text here and a list there, which no column type can. Such a column keeps every value as the
JSON that it was; nothing is cut or guessed.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

Row = Mapping[str, Any]
MISFITS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, ValueError, TypeError)
KEYS_LIMIT = 1_000  # more keys than this are data, not columns


class Columns:
    """Finds the types while batches of rows go by, then makes tables of them."""

    def __init__(self) -> None:
        self._types: dict[str, pa.DataType | None] = {}  # None: JSON as text

    def look_at(self, rows: list[Row]) -> None:
        """Let the types fit these rows as well.

        Raises:
            ValueError: the rows have too many different keys.
        """
        for key in _keys(rows):
            known = self._types.get(key, pa.null())
            self._types[key] = None if known is None else _wider(known, [row.get(key) for row in rows])
        if len(self._types) > KEYS_LIMIT:
            raise ValueError(f"The rows have more than {KEYS_LIMIT:,} different keys; Parquet needs a column for each.")

    def schema(self) -> pa.Schema:
        """The columns in the order in which their keys appeared."""
        return pa.schema([(key, self._column_type(key)) for key in self._types])

    def batch(self, rows: list[Row]) -> pa.RecordBatch:
        """The rows as columns."""
        schema = self.schema()
        return pa.record_batch([self._column(key, rows) for key in schema.names], schema=schema)

    def _column_type(self, key: str) -> pa.DataType:
        found = self._types[key]
        return pa.string() if found is None or pa.types.is_null(found) or not _can_be_written(found) else found

    def _column(self, key: str, rows: list[Row]) -> pa.Array:
        found = self._types[key]
        if found is None or not _can_be_written(found):
            texts = [json.dumps(row[key], ensure_ascii=False) if key in row else None for row in rows]
            return pa.array(texts, pa.string())
        return pa.array([row.get(key) for row in rows], self._column_type(key))


def _keys(rows: Iterable[Row]) -> dict[str, None]:
    return {key: None for row in rows for key in row}


def _wider(known: pa.DataType, values: list[Any]) -> pa.DataType | None:
    """The type that fits what was seen and these values; None when there is none."""
    try:
        found = pa.infer_type(values)
        if _mixes_numbers(known, found) or (pa.types.is_floating(found) and _has_int(values)):
            return None
        schemas = [pa.schema([("value", known)]), pa.schema([("value", found)])]
        return pa.unify_schemas(schemas, promote_options="permissive").field("value").type
    except MISFITS:
        return None


def _mixes_numbers(known: pa.DataType, found: pa.DataType) -> bool:
    """A whole number would come back as 1.0, and a long one as another number."""
    kinds = (known, found)
    return any(map(pa.types.is_integer, kinds)) and any(map(pa.types.is_floating, kinds))


def _has_int(values: list[Any]) -> bool:
    return any(type(value) is int for value in values)


def _can_be_written(kind: pa.DataType) -> bool:
    """Parquet has no structs without fields."""
    if pa.types.is_struct(kind):
        return kind.num_fields > 0 and all(_can_be_written(field.type) for field in kind)
    if pa.types.is_list(kind):
        return _can_be_written(kind.value_type)
    return True
