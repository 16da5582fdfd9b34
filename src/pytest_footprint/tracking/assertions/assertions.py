"""What `MemTracker` asserts: each runs functions of the user's in recordings of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from pytest_footprint.model.figure import figures
from pytest_footprint.model.saving import AtLeast
from pytest_footprint.tracking.assertions.callables import check_warmup
from pytest_footprint.tracking.assertions.release import left_alive
from pytest_footprint.tracking.assertions.saving import BOTH, ArmsComparison, compared
from pytest_footprint.tracking.assertions.scaling import Scaling, scaled

if TYPE_CHECKING:
    from pytest_footprint.tracking.mem_tracker import MemTracker


class Assertions:
    """The part of `MemTracker` that measures several things and judges them.

    Each is measured by a tracker that knows nothing of what was before, after garbage is collected. Whatever takes part
    counts, so a model that they share counts alike for each. What runs counts for the tracker that is asked, too.
    """

    def _isolated(self, part: str) -> AbstractContextManager[MemTracker]:
        raise NotImplementedError

    def compare(self, *, off: Callable[[], object], on: Callable[[], object], warmup: int = 1) -> ArmsComparison:
        """Call ``off``, then ``on``, and return what differs: ``print`` it, or read its ``off`` and ``on``.

        Args:
            off: without the optimisation, a function without arguments.
            on: with it.
            warmup: calls of each that come first and do not count; they make optimizer states and caches. Gradients
                that a call makes on tensors that outlive it are dropped after it.

        Raises:
            TypeError: one of them is not callable, or a coroutine function.
            ValueError: ``warmup`` is below 0.
        """
        check_warmup("compare", warmup)
        return compared(self._isolated, off, on, warmup)

    def assert_saves(  # noqa: PLR0913 - all by name
        self,
        *,
        off: Callable[[], object],
        on: Callable[[], object],
        at_least: str | float | None = None,
        of: str | tuple[str, ...] = BOTH,
        device: str | None = None,
        warmup: int = 1,
    ) -> ArmsComparison:
        """``on`` needs less memory than ``off``; equal fails.

        Args:
            off: without the optimisation, a function without arguments.
            on: with it.
            at_least: how much less: ``"40%"``, ``0.4`` or ``"1MiB"``; exactly as much passes. By default one byte.
            of: the number, or numbers, that must be smaller: ``"peak"``, ``"saved"`` (for backward), ``"end"``,
                ``"growth"``, or one reference type as in ``"peak.activations"``. By default the peak and what is saved.
            device: of which the numbers are; by default the only accelerator, or the CPU where there is none.
            warmup: see `compare`.

        Returns:
            The comparison, to print or to ask more of: ``savings()`` tells the slack.

        Raises:
            AssertionError: it does not save enough; both numbers, what is lacking, and the tensors behind it.
            TypeError: one of the two is not callable, or a coroutine function.
            ValueError: an argument cannot be read; nothing was run unless it is the device.
        """
        __tracebackhide__ = True
        demanded, named = AtLeast.parse(at_least), figures(of)  # before minutes are spent on measuring
        check_warmup("assert_saves", warmup)
        return compared(self._isolated, off, on, warmup).assert_saves(demanded, of=named, device=device)

    def assert_released(self, fn: Callable[..., object], *args: Any, warmup: int = 0, **kwargs: Any) -> None:
        """Everything that ``fn(*args, **kwargs)`` makes is gone after it; what it returns is dropped first.

        That is parameters, activations, gradients and optimizer states alike: a gradient that stays on a model from
        outside is alive, too.

        Args:
            fn: builds and uses something.
            args: for ``fn``; what there was before is not looked at.
            warmup: calls that come first, for caches that only the first call fills.
            kwargs: for ``fn``.

        Raises:
            AssertionError: something is alive: which tensors, made by which operator and line, and who holds them.
            TypeError: ``fn`` is not callable, or a coroutine function.
            ValueError: ``warmup`` is below 0.
        """
        __tracebackhide__ = True
        check_warmup("assert_released", warmup)
        if text := left_alive(self._isolated, fn, args, kwargs, warmup):
            raise AssertionError(text)

    def scaling(self, fn: Callable[[int], object], *, n: Sequence[int], warmup: int = 1) -> Scaling:
        """Call ``fn(n)`` for each ``n``, a number of layers, tokens or samples, and return what each call took.

        Args:
            fn: takes a number and does what shall be measured.
            n: three or more different whole numbers; two fit any law.
            warmup: see `compare`.

        Raises:
            TypeError: ``fn`` is not callable, or a coroutine function.
            ValueError: ``n`` is not like that, or ``warmup`` is below 0.
        """
        check_warmup("scaling", warmup)
        return scaled(self._isolated, fn, n, warmup)
