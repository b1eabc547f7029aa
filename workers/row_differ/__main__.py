"""Child: compares the rows of two versions. `python -m workers.row_differ RUN_FOLDER`, see `names.py`."""

from array import array
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finetune_app.datasets.comparison import PAIR, PLACE, Group, Places, RowKeys, compare_rows
from finetune_app.datasets.formats import FileFormat
from finetune_app.datasets.row_keys import prompt_key, whole_key
from finetune_app.jobs.states import Phase
from workers.child import run_on_folder
from workers.dataset_tasks.row_lines import RowLine, good_row_lines, raw_lines
from workers.dataset_tasks.rows_spec import RowsSpec
from workers.progress import Progress
from workers.row_differ.names import AFTER, BEFORE, OWN_ROWS_NAME, TOTAL_NAME, places_name


class _Side:
    """One version while it is read: two keys of 8 bytes each and a place of 16 bytes for each row."""

    def __init__(self) -> None:
        self._whole, self._prompt, self._starts = array("Q"), array("Q"), array("Q")
        self._numbers, self._lengths = array("I"), array("I")

    def add(self, found: RowLine) -> None:
        self._whole.append(whole_key(found.row))
        self._prompt.append(prompt_key(found.row))
        self._starts.append(found.offset)
        self._numbers.append(found.row.number)
        self._lengths.append(len(found.line))

    def keys(self) -> RowKeys:
        return RowKeys(np.frombuffer(self._whole, np.uint64), np.frombuffer(self._prompt, np.uint64))

    def places(self, positions: Places) -> npt.NDArray[np.void]:
        places = np.empty(len(positions), PLACE)
        places["number"] = np.frombuffer(self._numbers, np.uint32)[positions]
        places["start"] = np.frombuffer(self._starts, np.uint64)[positions]
        places["length"] = np.frombuffer(self._lengths, np.uint32)[positions]
        return places


def compare(folder: Path) -> dict[str, Any]:
    """Write the places of each group's rows; returns the counts of every group and of the unchanged rows.

    Raises:
        UserError: a file is no longer what was checked.
    """
    total = int((folder / TOTAL_NAME).read_text())
    progress = Progress(Phase.READING, total)
    before, after = _Side(), _Side()
    for name, side in ((BEFORE, before), (AFTER, after)):
        spec = RowsSpec.load(folder / name)
        _write_own_rows(spec, folder / name / OWN_ROWS_NAME)
        for line in good_row_lines(spec):
            side.add(line)
            progress.add()
    found = compare_rows(before.keys(), after.keys())
    changed = np.empty(len(found.changed_after), PAIR)
    changed["before"] = before.places(found.changed_before)
    changed["after"] = after.places(found.changed_after)
    groups = {
        Group.CHANGED: changed,
        Group.ADDED: after.places(found.added),
        Group.REMOVED: before.places(found.removed),
    }
    for group, places in groups.items():
        places.tofile(folder / places_name(group))
    return {"unchanged": found.unchanged, **{group.value: len(places) for group, places in groups.items()}}


def _write_own_rows(spec: RowsSpec, path: Path) -> None:
    """Give the rows of an array lines, so that each can be read by itself later."""
    if spec.file_format is FileFormat.JSON:
        with path.open("wb") as file:
            for _, line in raw_lines(spec.rows_file, spec.file_format):
                file.write(line)
                file.write(b"\n")


if __name__ == "__main__":
    run_on_folder(compare)
