"""How a number grows with another one: laws, and which law some points follow."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Self

from pytest_footprint.model.byte_size import ByteSize

_POWER = re.compile(r"n\*\*(\d+(?:\.\d+)?)")
_PLAIN: Mapping[str, Callable[[int], Fraction]] = {
    "1": lambda _: Fraction(0),
    "log(n)": lambda n: Fraction(math.log(n)),
    "n": Fraction,
    "n*log(n)": lambda n: Fraction(n * math.log(n)),
}
_FEWEST = 3
"""Two points lie on a curve of every law."""
_PRECISE = 1024
"""Bytes below which fractions of them are shown."""


@dataclass(frozen=True, slots=True)
class Law:
    """A constant and a multiple of this: ``n``, ``n**2``, ``n*log(n)``; ``1`` is the constant alone."""

    text: str

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read ``"n"``, ``"n**2"``, ``"n**1.5"``, ``"n*log(n)"``, ``"log(n)"`` or ``"1"``.

        Raises:
            ValueError: it is none of these.
        """
        if isinstance(text, str):
            plain = text.replace(" ", "")
            power = _POWER.fullmatch(plain)
            if plain in _PLAIN or (power and float(power[1]) > 0):
                return cls(plain)
        msg = f'{text!r} is no law; write "n", "n**2", "n**1.5", "n*log(n)", "log(n)" or "1"'
        raise ValueError(msg)

    def at(self, n: int) -> Fraction:
        """What multiplies."""
        if (power := _POWER.fullmatch(self.text)) is None:
            return _PLAIN[self.text](n)
        return Fraction(n) ** int(power[1]) if power[1].isdecimal() else Fraction(n ** float(power[1]))

    def through_first_two(self, points: Mapping[int, int]) -> dict[int, Fraction]:
        """What each point would be on the curve of this law through the first two points."""
        (first, low), (second, high) = list(points.items())[:2]
        width = self.at(second) - self.at(first)
        slope = (high - low) / width if width else Fraction(0)
        return {n: low + slope * (self.at(n) - self.at(first)) for n in points}


LINEAR = Law("n")


def checked_points(n: Sequence[int]) -> tuple[int, ...]:
    """The values of ``n``, rising.

    Raises:
        ValueError: they are fewer than three, not whole numbers from 1 on, or not all different.
    """
    whole = all(isinstance(each, int) and not isinstance(each, bool) and each > 0 for each in n)
    if not whole or len(set(n)) < max(_FEWEST, len(n)):
        msg = f"n={list(n)!r} must be {_FEWEST} or more different whole numbers from 1 on: two fit any law"
        raise ValueError(msg)
    return tuple(sorted(n))


def fitted(points: Mapping[int, int]) -> str:
    """The law that the points follow, in words: ``2 KiB + 1 KiB*n``; bytes."""
    coefficients = _polynomial(points)
    degree = len(coefficients) - 1
    if degree >= _FEWEST:
        (n, low), (last, high) = list(points.items())[-2:]
        slope = f"; from n={n} to n={last} like n**{_exponent(n, low, last, high)}" if low > 0 and high > 0 else ""
        return f"no polynomial of degree 2 or less{slope}"
    said = _polynomial_text(coefficients)
    return said if degree < len(points) - 1 else f"{said} (any {len(points)} points fit one of degree {degree})"


def _exponent(n: int, low: int, last: int, high: int) -> str:
    return f"{math.log(high / low) / math.log(last / n):.2f}"


def _polynomial(points: Mapping[int, int]) -> list[Fraction]:
    """Coefficients, the constant first, of the only polynomial of least degree through all points (Newton)."""
    ns, column = list(points), [Fraction(value) for value in points.values()]
    newton = []
    for width in range(len(ns)):
        newton.append(column[0])
        column = [
            (after - before) / (ns[at + width + 1] - ns[at]) for at, (before, after) in enumerate(pairwise(column))
        ]
    while len(newton) > 1 and not newton[-1]:
        newton.pop()
    coefficients = [newton[-1]]
    for at in range(len(newton) - 2, -1, -1):  # Horner: coefficients * (n - ns[at]) + newton[at]
        shifted = [Fraction(0), *coefficients]
        coefficients = [up - ns[at] * same for up, same in zip(shifted, [*coefficients, Fraction(0)], strict=True)]
        coefficients[0] += newton[at]
    return coefficients


def _polynomial_text(coefficients: Sequence[Fraction]) -> str:
    text = ""
    for power, factor in enumerate(coefficients):
        if factor or len(coefficients) == 1:
            whole = factor.denominator == 1 or abs(factor) >= _PRECISE
            size = str(ByteSize(abs(round(factor)))) if whole else f"{abs(float(factor)):.4g} B"
            term = size + ("" if power == 0 else "*n" if power == 1 else f"*n**{power}")
            sign = " - " if factor < 0 else " + "
            text += term if not text and factor >= 0 else f"{sign if text else '-'}{term}"
    return text
