"""How far the scoring is, told after every batch; between two batches a stop does no harm."""

from finetune_app.jobs.events import PhaseEvent
from finetune_app.jobs.states import Phase
from workers.child import emit, stop_if_asked


class Progress:
    """Tells after every batch how many passes of a row through a model are done."""

    def __init__(self, total: int) -> None:
        self._done, self._total = 0, total

    def __call__(self, rows: int) -> None:
        """So many rows more went through."""
        self._done += rows
        emit(PhaseEvent(phase=Phase.EVALUATING, done=self._done, total=self._total))
        stop_if_asked()
