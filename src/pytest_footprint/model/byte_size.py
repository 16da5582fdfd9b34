"""Byte counts: ints that print as people say them."""

from __future__ import annotations

import re
from typing import Self, SupportsIndex

_UNITS = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[A-Za-z]+)")
_STEPS = ("KiB", "MiB", "GiB", "TiB")

SIZE_FORMS = '"2GiB", "500 MB" (decimal) or 1024 (bytes)'
"""The accepted spellings, as error messages show them."""


class ByteSize(int):
    """Bytes. An int in every way; ``str()`` gives ``1.25 MiB`` (binary units, two decimals)."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read ``"2GiB"``, ``"500 MB"`` (decimal) or a non-negative int of bytes.

        Raises:
            ValueError: for everything else; the message shows the value and the accepted forms.
        """
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return cls(value)
        if isinstance(value, str):
            match = _SIZE.fullmatch(value.strip())
            if match and match["unit"] in _UNITS:
                whole, _, fraction = match["number"].partition(".")
                # In integers, since a float loses bytes above 8 PiB.
                digits = int(whole + fraction) * _UNITS[match["unit"]]
                return cls((digits + 10 ** len(fraction) // 2) // 10 ** len(fraction))
            if value.strip().isdecimal():
                return cls(value)
        units = ", ".join(_UNITS)
        msg = f"{value!r} is not a byte size; write {SIZE_FORMS}; units: {units}"
        raise ValueError(msg)

    def __str__(self) -> str:
        if abs(int(self)) < _UNITS["KiB"]:
            return f"{int(self)} B"
        for unit in _STEPS:
            number = f"{int(self) / _UNITS[unit]:.2f}"
            if abs(float(number)) < _UNITS["KiB"]:  # what rounds to 1024 KiB is 1 MiB
                break
        return f"{number.rstrip('0').rstrip('.')} {unit}"

    def __repr__(self) -> str:
        return f"{int(self)} ({self})" if abs(int(self)) >= _UNITS["KiB"] else f"{int(self)}"

    def __format__(self, spec: str) -> str:
        """Format as text without a spec or with one for text; as an int with one for ints, ``f"{size:,}"``."""
        if spec and spec[-1] in "bcdeEfFgGnoxX%,_":
            return int.__format__(int(self), spec)
        return format(str(self), spec)

    def __add__(self, other: int) -> ByteSize:
        return ByteSize(int(self) + other) if isinstance(other, int) else NotImplemented

    __radd__ = __add__

    def __sub__(self, other: int) -> ByteSize:
        return ByteSize(int(self) - other) if isinstance(other, int) else NotImplemented

    def __rsub__(self, other: int) -> ByteSize:
        return ByteSize(other - int(self)) if isinstance(other, int) else NotImplemented

    def __neg__(self) -> ByteSize:
        return ByteSize(-int(self))

    def __abs__(self) -> ByteSize:
        return ByteSize(abs(int(self)))

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[type[ByteSize], tuple[int]]:
        return ByteSize, (int(self),)
