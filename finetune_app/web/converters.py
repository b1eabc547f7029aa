"""The path converters `name` and `label`, so that every address takes the same names and versions."""

from finetune_app.names import LABEL_PATTERN, NAME_PATTERN, label_in


class NameConverter:
    """`<name:NAME>` in an address."""

    regex = NAME_PATTERN

    def to_python(self, value: str) -> str:
        """The name as it stands in the address."""
        return value

    def to_url(self, value: str) -> str:
        """The name as it stands in the address."""
        return value


class LabelConverter:
    """`<label:NAME>` in an address: the number of a version, or an alias that means one."""

    regex = LABEL_PATTERN

    def to_python(self, value: str) -> int | str:
        """The number, or the alias."""
        return label_in(value)

    def to_url(self, value: int | str) -> str:
        """The number or the alias as it stands in the address."""
        return str(value)
