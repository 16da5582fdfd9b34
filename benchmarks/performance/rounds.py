"""Measurements taken in turn: A B C, A B C, ... so that whatever slows the machine down slows all of them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Rounds:
    """What each contestant took, round by round."""

    taken: Mapping[str, list[float]]

    def median(self, of: str, less: str | None = None) -> float:
        """The median over the rounds, after ``less`` was taken off in each of them."""
        return median(self._less(of, less))

    def least(self, of: str, less: str | None = None) -> float:
        """The shortest, after the shortest of ``less`` was taken off."""
        return min(self.taken[of]) - (min(self.taken[less]) if less else 0)

    def ratio(self, of: str, to: str, less: str | None = None) -> tuple[float, float]:
        """``of`` by ``to``, both after ``less`` was taken off: the median over the rounds, and of the shortest."""
        by_round = [a / b for a, b in zip(self._less(of, less), self._less(to, less), strict=True)]
        return median(by_round), self.least(of, less) / self.least(to, less)

    def _less(self, of: str, less: str | None) -> list[float]:
        return [a - b for a, b in zip(self.taken[of], self.taken[less], strict=True)] if less else self.taken[of]


def in_turn(contestants: Mapping[str, Callable[[], float]], rounds: int) -> Rounds:
    """Call each in turn; each returns what it took.

    The first round warms up and is thrown away. What is alive by then is frozen: it is the same for all, so the
    garbage collector, which stays on as users have it, costs each of them for what they make themselves.
    """
    for measure in contestants.values():
        measure()
    gc.collect()
    gc.freeze()
    try:
        taken: dict[str, list[float]] = {name: [] for name in contestants}
        for _ in range(rounds):
            for name, measure in contestants.items():
                gc.collect()
                taken[name].append(measure())
    finally:
        gc.unfreeze()
    return Rounds(taken)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Time on the processor that this process, with all its threads, spends on ``work``: others do not count."""
    began = time.process_time()
    work()
    return time.process_time() - began
