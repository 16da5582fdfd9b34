"""One line of the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

HEADERS = ("figure", "torch's", "ours, median", "of minima", "reach", "dream", "")


@dataclass(frozen=True)
class Figure:
    """One measured number beside what it shall be; less is better."""

    name: str
    median: float
    least: float
    unit: str = ""
    reach: float | None = None
    dream: float | None = None
    torchs: str = "-"
    samples: Mapping[str, list[float]] = field(default_factory=dict)
    """Seconds behind it, by what they were measured of."""

    @property
    def reached(self) -> str:
        """How the median stands to what it shall be."""
        if self.dream is not None and self.median <= self.dream:
            return "dream"
        if self.reach is None:
            return ""
        return "reached" if self.median <= self.reach else "not reached"

    def cells(self) -> list[str]:
        """The line, in the order of `HEADERS`."""
        numbers = [self._shown(number) for number in (self.median, self.least, self.reach, self.dream)]
        return [self.name, self.torchs, *numbers, self.reached]

    def _shown(self, number: float | None) -> str:
        if number is None:
            return "-"
        digits = 2 if abs(number) < 10 else 1 if abs(number) < 100 else 0  # noqa: PLR2004 - three figures tell enough
        return f"{number:.{digits}f} {self.unit}".rstrip()
