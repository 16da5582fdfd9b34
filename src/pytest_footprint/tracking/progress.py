"""What a tracker tells of long work, to whoever shows it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial


class ToldProgress:
    """The part of `MemTracker` that says how far it has come.

    All of it are plain strings at the boundaries of steps: they are nothing that Python's collector counts, so what
    dies when is the same whether somebody listens or not.
    """

    on_progress: Callable[[str], None] | None = None
    """Called with what is being done and how far it is, such as ``step 2 of 5``, and with ``""`` when it is over."""
    _own_steps = 0
    """Steps of the caller's loops."""

    def _tell(self, progress: str) -> None:
        if self.on_progress is not None:
            self.on_progress(progress)

    def _tell_call(self, number: int, warmup: int, steps: int) -> None:
        if self.on_progress is not None:
            done = number - warmup
            self._tell(_counted("step", done, steps) if done >= 0 else _counted("warm-up", number, warmup))

    def _tell_own_step(self) -> None:
        self._own_steps += 1
        self._tell(f"step {self._own_steps}")

    def _telling_for(self, part: str) -> Callable[[str], None]:
        """What another tracker has to call, which does a part of the work: made also where nobody listens."""
        return partial(_tell_part, self, part)


def _counted(work: str, number: int, total: int) -> str:
    return f"{work} {number + 1} of {total}" if total > 1 else work


def _tell_part(whole: ToldProgress, part: str, progress: str) -> None:
    if whole.on_progress is not None:
        whole.on_progress(f"{part}, {progress}" if progress else "")
