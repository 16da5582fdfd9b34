"""Byte counts by device and reference type."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_footprint.model.comparison import Signal, SizeChange
from pytest_footprint.model.tolerance import Tolerance
from pytest_footprint.model.usage import USAGE_FIELDS, DeviceUsage, Usage

TOTAL = "total"


def size_changes(signal: Signal, before: DeviceUsage, after: DeviceUsage, tolerance: Tolerance) -> Iterator[SizeChange]:
    """For each device its total, then its reference types, those that moved most first."""
    for device in dict.fromkeys((*before, *after)):
        then, now = before.get(device, Usage()), after.get(device, Usage())
        changes = [
            SizeChange(signal, name, device, then[name], now[name])
            for name in USAGE_FIELDS
            if not tolerance.allows(then[name], now[name])
        ]
        yield from sorted(changes, key=lambda change: (change.subject != TOTAL, -abs(change.difference)))
