"""How far a number may be from its baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pytest_footprint.model.byte_size import ByteSize


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A difference is allowed up to the larger of the two bounds, upwards and downwards."""

    relative: float = 0.0
    """A fraction of the baseline: 0.02 is 2 %."""
    absolute: ByteSize = ByteSize(0)

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read ``"2%"``, a fraction such as ``0.02``, or a size such as ``"1MiB"``.

        Raises:
            ValueError: the value is none of these, or negative, or a fraction of 1 or more.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, bool):
            raise ValueError(_problem(value))
        if isinstance(value, int | float):
            return cls._fraction(float(value), value)
        if isinstance(value, str):
            text = value.strip()
            try:
                number = float(text.removesuffix("%"))
            except ValueError:
                pass
            else:
                return cls._fraction(number / 100 if text.endswith("%") else number, value)
            try:
                return cls(absolute=ByteSize.parse(text))
            except ValueError:
                pass
        raise ValueError(_problem(value))

    @classmethod
    def _fraction(cls, fraction: float, value: object) -> Self:
        if not 0 <= fraction < 1:
            raise ValueError(_problem(value))
        return cls(relative=fraction)

    def allows(self, before: int, after: int) -> bool:
        """Whether ``after`` is within the tolerance around ``before``."""
        return abs(after - before) <= max(self.absolute, self.relative * abs(before))

    def __str__(self) -> str:
        if self.absolute:
            return str(self.absolute)
        return f"{self.relative * 100:g}%"


EXACT = Tolerance()


def _problem(value: object) -> str:
    return (
        f'{value!r} is not a tolerance; write "2%", a fraction from 0 to below 1 such as 0.02, or a size such as "1MiB"'
    )
