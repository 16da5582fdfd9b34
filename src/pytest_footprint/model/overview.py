"""A footprint in a few lines: what ``print`` shows. Tables of all that it holds are the report's."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING

from pytest_footprint.model.usage import Usage

if TYPE_CHECKING:
    from pytest_footprint.model.footprint import Footprint

_WIDTH = 100
_MOMENTS = ("start", "peak", "end", "growth")


def overview(footprint: Footprint) -> str:
    """Bytes of each device and moment, what is saved, how many modules ran."""
    lines = [f"Footprint of {footprint.steps} step{'s' * (footprint.steps != 1)}", *_sizes(footprint)]
    if saved := footprint.saved:
        lines.append(f"saved for backward: {len(saved)} tensor{'s' * (len(saved) != 1)}, {saved.bytes()}")
    orders = (("forward", footprint.forward), ("backward", footprint.backward), ("recomputed", footprint.recomputed))
    ran = ", ".join(f"{len(fqns)} {name}" for name, fqns in orders)
    return "\n".join([*lines, f"modules that ran: {ran if footprint.forward else 'none'}"])


def _sizes(footprint: Footprint) -> Iterator[str]:
    moments = {name: getattr(footprint, name) for name in _MOMENTS}
    devices = list(dict.fromkeys(device for usage in moments.values() for device in usage))
    told = {
        device: [(name, usage[device]) for name, usage in moments.items() if _held(usage.get(device))]
        for device in devices
    }
    rows = [(device, *row) for device, rows in told.items() for row in rows]
    if not rows:
        yield "no memory was recorded"
    sizes = [str(usage.total) for *_, usage in rows]
    wide, long = max(map(len, devices), default=0), max(map(len, sizes), default=0)
    last = None
    for (device, name, usage), size in zip(rows, sizes, strict=True):
        parts = sorted(usage.items(), key=lambda part: -abs(part[1]))
        held = ", ".join(f"{kind.replace('_', ' ')} {nbytes}" for kind, nbytes in parts)
        yield from wrap(
            f"{device if device != last else '':{wide}}  {name:6}  {size:>{long}} ({held})",
            _WIDTH,
            subsequent_indent=" " * (wide + long + 12),
            break_long_words=False,
        )
        last = device


def _held(usage: Usage | None) -> bool:
    return usage is not None and any(usage.items())
