"""The files of the differ's run folder. The rows of the versions lie in the folders `before` and `after`."""

from finetune_app.datasets.comparison import Group

BEFORE, AFTER = "before", "after"
TOTAL_NAME = "total_rows"  # how many good rows both versions have, for the progress
OWN_ROWS_NAME = "own_rows.jsonl"  # in a version's folder, when its rows have no lines of their own


def places_name(group: Group) -> str:
    """The file with the places of a group's rows."""
    return f"{group}.places"
