"""The path converter `name`, so that every address takes the same names."""

from finetune_app.names import NAME_PATTERN


class NameConverter:
    """`<name:NAME>` in an address."""

    regex = NAME_PATTERN

    def to_python(self, value: str) -> str:
        """The name as it stands in the address."""
        return value

    def to_url(self, value: str) -> str:
        """The name as it stands in the address."""
        return value
