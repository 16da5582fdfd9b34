"""What one way of doing a thing saves against another, and whether that is enough."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Self

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.figure import Figure


@dataclass(frozen=True, slots=True)
class AtLeast:
    """What must be saved: a share of what there was, or bytes. Nothing is never enough."""

    share: Fraction = Fraction(0)
    nbytes: ByteSize = ByteSize(0)

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read ``"40%"``, a share such as ``0.4``, a size such as ``"1MiB"``, or None: anything above nothing.

        Raises:
            ValueError: it is none of these, or a share of 1 or more, or negative.
        """
        if value is None:
            return cls()
        if isinstance(value, cls):
            return value
        if isinstance(value, str) and value.strip()[-1:].isalpha():
            try:
                return cls(nbytes=ByteSize.parse(value))
            except ValueError:
                raise ValueError(_problem(value)) from None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(_problem(value))
        text = str(value).strip()
        try:
            # From the text: the float 0.4 is a little more than two fifths.
            share = Fraction(text.removesuffix("%").strip()) / (100 if text.endswith("%") else 1)
        except (ValueError, ZeroDivisionError):
            raise ValueError(_problem(value)) from None
        if not 0 <= share < 1:
            raise ValueError(_problem(value))
        return cls(share)

    def of(self, nbytes: int) -> ByteSize:
        """The fewest bytes that are enough."""
        return ByteSize(max(1, self.nbytes, ceil(self.share * nbytes)))

    def __str__(self) -> str:
        if self.nbytes:
            return str(self.nbytes)
        return f"{float(self.share * 100):g} %" if self.share else "anything"


@dataclass(frozen=True, slots=True)
class Saving:
    """One number with and without."""

    figure: Figure
    off: ByteSize
    on: ByteSize
    demanded: AtLeast = AtLeast()

    @property
    def nbytes(self) -> ByteSize:
        """Bytes that ``on`` needs less; negative when it needs more."""
        return self.off - self.on

    @property
    def percent(self) -> float | None:
        """The same in per cent of ``off``; None when that is 0."""
        return 100 * self.nbytes / self.off if self.off else None

    @property
    def slack(self) -> ByteSize:
        """Bytes saved beyond what is demanded; negative when they are too few."""
        return self.nbytes - self.demanded.of(self.off)

    @property
    def enough(self) -> bool:
        """Whether as much as demanded is saved: exactly as much is enough, nothing never is."""
        return self.slack >= 0


def _problem(value: object) -> str:
    return (
        f'at_least={value!r} is no saving; write "40%", a share from 0 to below 1 such as 0.4, or a size such as "1MiB"'
    )
