"""How memory grows with layers, sequence or batch: the same function for several n."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pytest_footprint.comparison.excess import excess
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.figure import Figure, device_of
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.law import LINEAR, Law, checked_points
from pytest_footprint.model.tolerance import Tolerance
from pytest_footprint.report.scaling import OffLaw, no_bytes_text, off_law_text, scaling_text
from pytest_footprint.tracking.assertions.callables import check_callable
from pytest_footprint.tracking.assertions.saving import Isolated, arm, noted

_SHOWN = ("peak", "saved")
_CONSTANT = Law.parse("1")


@dataclass(frozen=True, slots=True)
class Scaling:
    """What one function took for several n; ``print`` shows a table and the law that the numbers follow."""

    footprints: Mapping[int, Footprint]
    """n -> footprint, rising."""

    def sizes(self, of: str = "saved", *, device: str | None = None) -> dict[int, ByteSize]:
        """The bytes of one number by n; it is named as for `MemTracker.assert_saves`.

        Raises:
            ValueError: ``of`` or ``device`` cannot be read.
        """
        figure, where = Figure.parse(of), device_of(list(self.footprints.values()), device)
        return {n: figure.on(footprint, where) for n, footprint in self.footprints.items()}

    def assert_linear(self, *, of: str = "saved", tolerance: object = 0, device: str | None = None) -> None:
        """A constant and so much for each n: all sizes lie on the line through the first two.

        Args:
            of: the number that must: ``"saved"``, ``"peak"``, ``"peak.activations"`` ...
            tolerance: how far from the line a size may be: ``"2%"`` of it, or ``"1KiB"``.
            device: see `MemTracker.assert_saves`.

        Raises:
            AssertionError: it does not; the sizes, the law that they follow, and the tensors that are off. Or all sizes
                are 0, which follow any law.
            ValueError: an argument cannot be read.
        """
        __tracebackhide__ = True
        self._check(LINEAR, of, tolerance, device, both=True)

    def assert_at_most(self, law: str, *, of: str = "saved", tolerance: object = 0, device: str | None = None) -> None:
        """No size is above the curve ``a + b * law`` through the first two.

        Args:
            law: ``"n**2"``, ``"n"``, ``"n*log(n)"``, ``"log(n)"``, ``"n**1.5"``, or ``"1"``: does not grow.
            of: see `assert_linear`.
            tolerance: see `assert_linear`.
            device: see `MemTracker.assert_saves`.

        Raises:
            AssertionError: one is; the sizes, the law that they follow, and the tensors that are off. Or all are 0.
            ValueError: an argument cannot be read.
        """
        __tracebackhide__ = True
        self._check(Law.parse(law), of, tolerance, device, both=False)

    def _check(self, law: Law, of: str, tolerance: object, device: str | None, *, both: bool) -> None:
        __tracebackhide__ = True
        allowed, points = Tolerance.parse(tolerance), self.sizes(of, device=device)
        figure, where = Figure.parse(of), device_of(list(self.footprints.values()), device)
        if figure.moment != "growth" and law != _CONSTANT and not any(points.values()):
            raise AssertionError(no_bytes_text(figure, where, points))
        curve = law.through_first_two(points)
        off = {
            n: abs(nbytes - curve[n])
            for n, nbytes in points.items()
            if (both or nbytes > curve[n]) and not allowed.allows(round(curve[n]), nbytes)
        }
        if off:
            worst = max(off, key=lambda n: off[n])
            tensors = excess(self.footprints, figure, law, where, worst)
            raise AssertionError(off_law_text(OffLaw(figure, where, law, points, worst, tensors)))

    def __str__(self) -> str:
        where = device_of(list(self.footprints.values()))
        return scaling_text(where, {Figure.parse(of): self.sizes(of, device=where) for of in _SHOWN})


def scaled(isolated: Isolated, fn: Callable[[int], object], n: Sequence[int], warmup: int) -> Scaling:
    """Measure ``fn(n)`` for each n on its own.

    Raises:
        TypeError: ``fn`` cannot be called, or is a coroutine function.
        ValueError: ``n`` is not three or more different whole numbers from 1 on.
    """
    check_callable("fn", fn)
    found, points = {}, checked_points(n)
    for number, each in enumerate(points, 1):
        with noted(f"n={each}"):
            part = f"scaling n={each} ({number} of {len(points)})"
            found[each] = arm(isolated, part, fn, each, warmup=warmup)
    return Scaling(found)
