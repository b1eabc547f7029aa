"""The kinds of dataset tasks. Pure."""

from enum import StrEnum


class TaskKind(StrEnum):
    """What is made of a dataset version."""

    INDEX = "index"  # where each row lies, what it holds, and the words that it is found by
    TOKENS = "tokens"  # how long each row is for a base model
    PREVIEW = "preview"  # one row as the model will see it, token by token
    FINDINGS = "findings"  # what is doubtful about which rows
    DIFF = "diff"  # which rows another version has more, less or otherwise
    DERIVE = "derive"  # a new version of some of its rows, and perhaps of others'
    EXPORT = "export"  # its rows as a Parquet file
