"""Does it save memory? Two ways of doing one thing, each measured on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from pytest_footprint.comparison import compare
from pytest_footprint.model.comparison import Comparison
from pytest_footprint.model.figure import device_of, figures
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.saving import AtLeast, Saving
from pytest_footprint.report.arms import comparison_text, saving_text
from pytest_footprint.trace.events import Phase
from pytest_footprint.tracking.assertions.callables import check_callable
from pytest_footprint.tracking.recorder import Recorder

if TYPE_CHECKING:
    from pytest_footprint.tracking.mem_tracker import MemTracker

BOTH = ("peak", "saved")
"""A peak alone hides a tensor that is kept, what is saved alone hides a checkpoint that frees nothing."""

Isolated: TypeAlias = Callable[[str], AbstractContextManager["MemTracker"]]
"""Opens a tracker that knows nothing of what was before, given what it is for."""


@dataclass(frozen=True, slots=True)
class ArmsComparison(Comparison):
    """What two ways of doing one thing took, and what differs; ``print`` shows it as tables."""

    off: Footprint = field(default_factory=Footprint)
    on: Footprint = field(default_factory=Footprint)

    @classmethod
    def of(cls, off: Footprint, on: Footprint) -> Self:
        """Compare two footprints."""
        found = compare(off, on)
        return cls(**{each.name: getattr(found, each.name) for each in fields(found)}, off=off, on=on)

    def savings(self, at_least: object = None, *, of: object = BOTH, device: str | None = None) -> tuple[Saving, ...]:
        """The numbers that `assert_saves` judges.

        Raises:
            ValueError: as for `assert_saves`.
        """
        demanded, named = AtLeast.parse(at_least), figures(of)
        where = device_of((self.off, self.on), device)
        return tuple(
            Saving(figure, figure.on(self.off, where), figure.on(self.on, where), demanded) for figure in named
        )

    def assert_saves(self, at_least: object = None, *, of: object = BOTH, device: str | None = None) -> Self:
        """Whether "on" needs less than "off", see `MemTracker.assert_saves`.

        Raises:
            AssertionError: it does not, or not by as much as demanded.
            ValueError: ``at_least``, ``of`` or ``device`` cannot be read.
        """
        __tracebackhide__ = True
        savings = self.savings(at_least, of=of, device=device)
        if not all(saving.enough for saving in savings):
            raise AssertionError(saving_text(savings, self.on, self, device_of((self.off, self.on), device)))
        return self

    def __str__(self) -> str:
        return comparison_text(self)


def compared(isolated: Isolated, off: Callable[[], object], on: Callable[[], object], warmup: int) -> ArmsComparison:
    """Measure both, one after the other.

    Raises:
        TypeError: one of them cannot be called, or is a coroutine function.
    """
    for name, fn in (("off", off), ("on", on)):
        check_callable(name, fn)
    with noted("off"):
        without = arm(isolated, "off (1 of 2)", off, warmup=warmup)
    with noted("on"):
        return ArmsComparison.of(without, arm(isolated, "on (2 of 2)", on, warmup=warmup))


def arm(isolated: Isolated, part: str, fn: Callable[..., object], *args: Any, warmup: int) -> Footprint:
    """The footprint of one call, of which nothing is left for the next arm.

    Gradients that it made on tensors that others have too would be there when the next arm starts: they are dropped.
    """
    with isolated(part) as tracker:
        try:
            return tracker.run(fn, *args, warmup=warmup)
        finally:
            _drop_gradients(tracker._recorder)


@contextmanager
def noted(name: str) -> Iterator[None]:
    """Let an exception say which arm it comes from."""
    try:
        yield
    except Exception as error:
        error.add_note(f"(while measuring {name})")
        raise


def _drop_gradients(recorder: Recorder) -> None:
    for leaf in recorder.live.leaves():
        rows = () if leaf.grad is None else recorder.live.rows(leaf.grad)
        if any(recorder.trace.phase[row] != Phase.EXISTING for row in rows):
            leaf.grad = None
