"""The limit that `max_peak_memory` sets: a marker of one test or the default of all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.usage import USAGE_FIELDS, DeviceUsage

if TYPE_CHECKING:
    import pytest

MARKER = "max_peak_memory"
FORM = '@pytest.mark.max_peak_memory("2GiB", of="total", device=None)'
"""The accepted form, as help and error messages show it."""

_KEYWORDS = ("of", "device")
_DEVICE = re.compile(r"(?:cpu|cuda|xpu|mps|mtia|hpu|npu|xla|maia|privateuseone)(?::\d+)?")


class LimitError(ValueError):
    """The marker or its option is written wrongly; the message shows what was found and what works."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The most bytes that may be alive at once."""

    nbytes: ByteSize
    of: str = "total"
    """``total`` or a reference type, as `Usage` names them."""
    device: str | None = None
    """``cuda:1``, or ``cuda`` for each of them; ``None`` for each device there is."""
    rule: str = field(default="", compare=False)
    """What set it, as the user wrote it."""

    @classmethod
    def from_mark(cls, mark: pytest.Mark) -> Limit:
        """Read the arguments of the marker.

        Raises:
            LimitError: a size, reference type, device or keyword is not one that is known.
        """
        written = [*map(repr, mark.args), *(f"{name}={value!r}" for name, value in mark.kwargs.items())]
        return cls._read(mark.args, mark.kwargs, f"@pytest.mark.{MARKER}({', '.join(written)})")

    @classmethod
    def _read(cls, args: Sequence[object], kwargs: Mapping[str, object], rule: str) -> Limit:
        if unknown := [name for name in kwargs if name not in _KEYWORDS]:
            msg = f"it has no keyword {', '.join(map(repr, unknown))}; keywords: {', '.join(_KEYWORDS)}"
            raise LimitError(msg)
        if len(args) != 1:
            given = ", ".join(map(repr, args)) or "none"
            msg = f"it takes one size, and the rest by keyword; sizes given: {given}"
            raise LimitError(msg)
        of, device = kwargs.get("of", "total"), kwargs.get("device")
        if of not in USAGE_FIELDS:
            msg = f"of={of!r} is not one of {', '.join(USAGE_FIELDS)}"
            raise LimitError(msg)
        if device is not None and not (isinstance(device, str) and _DEVICE.fullmatch(device)):
            msg = f'device={device!r} is not a device; write "cpu", "cuda", "cuda:1" or None for every device'
            raise LimitError(msg)
        return cls(_size(args[0]), str(of), device, rule)

    @classmethod
    def of_every_test(cls, size: object, rule: str) -> Limit:
        """The default limit that the option or ini value ``rule`` sets.

        Raises:
            LimitError: it is not a size.
        """
        return cls(_size(size), rule=rule)

    def breaches(self, peak: DeviceUsage) -> Iterator[str]:
        """Devices that went above the limit."""
        for device, usage in peak.items():
            if self.covers(device) and usage[self.of] > self.nbytes:
                yield device

    def covers(self, device: str) -> bool:
        """Whether it is for this device."""
        return self.device in {None, device, device.partition(":")[0]}

    def shown(self, device: str) -> str:
        """As text, beside what was measured on ``device``."""
        return str(replace(self, device=None) if self.covers(device) else self)

    def __str__(self) -> str:
        of = "" if self.of == "total" else f" of {self.of}"
        device = "" if self.device is None else f" on {self.device}"
        return f"{self.nbytes}{of}{device}"


def limit_of(item: pytest.Item) -> Limit | None:
    """The limit that the closest marker of ``item`` sets, if any.

    Raises:
        LimitError: the closest marker is written wrongly.
    """
    mark = item.get_closest_marker(MARKER)
    return None if mark is None else Limit.from_mark(mark)


def _size(value: object) -> ByteSize:
    try:
        return ByteSize.parse(value)
    except ValueError as problem:
        raise LimitError(str(problem)) from None
