"""The best evaluated step so far: its adapter on disk, how long nothing was better, and both after a resume.

`best/` in the run folder holds `state.json` and, when the best adapter is what the run gives, `weights.safetensors`. A
checkpoint takes `state_files(run_folder)` along under the same names, and a run that resumes from it goes on with them.
"""

import math
import shutil
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel
from safetensors.torch import load_file, save_file

FOLDER, STATE, WEIGHTS = "best", "state.json", "weights.safetensors"


class BestState(BaseModel):
    """What is known after some evaluations.

    Attributes:
        step: the evaluated step with the lowest loss; None before the first.
        loss: that loss.
        waited: evaluations since the loss last fell by more than the threshold.
    """

    step: int | None = None
    loss: float | None = None
    waited: int = 0


class Best:
    """Keeps the best adapter of a run.

    Args:
        run_folder: where `best/` lies.
        patience: how many evaluations in a row may fail to be better; None: any number.
        threshold: by how much the loss must fall to count as better for the patience.
        keeps_weights: whether the best adapter is what the run gives in the end.
    """

    def __init__(self, run_folder: Path, *, patience: int | None, threshold: float, keeps_weights: bool) -> None:
        self._folder = run_folder / FOLDER
        self._patience, self._threshold, self._keeps_weights = patience, threshold, keeps_weights
        self.state = BestState()

    def resume(self, checkpoint: Path) -> None:
        """Go on from the files that a checkpoint took along; one without them begins anew."""
        if not (checkpoint / FOLDER / STATE).is_file():
            return
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(checkpoint / FOLDER, self._folder)
        self.state = BestState.model_validate_json((self._folder / STATE).read_text())

    @property
    def is_patience_over(self) -> bool:
        """Whether so many evaluations were no better that the run should end."""
        return self._patience is not None and self.state.waited >= self._patience

    def take(self, step: int, loss: float, model: torch.nn.Module, *, writes: bool = True) -> bool:
        """Count the evaluation of `model` at `step`; whether it is the best so far.

        As in transformers' early stopping, the threshold counts for the patience only. `writes` is for one process of
        several: all count alike, one writes.
        """
        before = self.state
        is_better = math.isfinite(loss) and (before.loss is None or loss < before.loss)
        gains = is_better and (before.loss is None or before.loss - loss > self._threshold)
        waited = 0 if gains else before.waited + 1
        found = {"step": step, "loss": loss} if is_better else {}
        self.state = before.model_copy(update={**found, "waited": waited})
        if writes:
            self._write(model if is_better and self._keeps_weights else None)
        return is_better

    def restore(self, model: torch.nn.Module, step: int) -> bool:
        """Give `model`, which is at `step`, the best adapter's weights; whether that changed it."""
        if not self._keeps_weights or self.state.step in (None, step):
            return False
        kept = load_file(self._folder / WEIGHTS)
        with torch.no_grad():
            for name, parameter in _trained(model).items():
                parameter.copy_(kept[name])
        return True

    def forget(self) -> None:
        """Remove the files, when the adapter is saved."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self, model: torch.nn.Module | None) -> None:
        self._folder.mkdir(exist_ok=True)
        if model is not None:
            tensors = {name: parameter.detach().cpu().clone() for name, parameter in _trained(model).items()}
            partial = self._folder / f"{WEIGHTS}.partial"
            save_file(tensors, partial)
            partial.replace(self._folder / WEIGHTS)
        partial = self._folder / f"{STATE}.partial"
        partial.write_text(self.state.model_dump_json())
        partial.replace(self._folder / STATE)


def state_files(run_folder: Path) -> list[Path]:
    """What a checkpoint takes along, relative to the run folder; none when nothing was evaluated."""
    names = (Path(FOLDER) / STATE, Path(FOLDER) / WEIGHTS)
    return [name for name in names if (run_folder / name).is_file()]


def _trained(model: torch.nn.Module) -> dict[str, Any]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
