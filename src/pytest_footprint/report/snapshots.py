"""Snapshots as torch's MemTracker prints them, but returned as text.

A snapshot is ``{"cpu": {"Parameter": 1024, ..., "Total": 4096}}``, in bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

Snapshot: TypeAlias = Mapping[str, Mapping[str, int]]

_DIVISORS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_TOTAL = "Total"
_DECIMALS = 2


def snapshot_text(snapshot: Snapshot, units: str = "B", *, tabulate: bool = False) -> str:
    """One snapshot; devices that hold nothing are left out.

    Raises:
        ValueError: ``units`` is none of B, KiB, MiB and GiB.
    """
    divisor = _divisor(units)
    if not snapshot:
        return "No memory tracked."
    if tabulate:
        keys = list(next(iter(snapshot.values())))
        rows = [
            [device, *(_amount(nbytes, divisor, units) for nbytes in sizes.values())]
            for device, sizes in _held(snapshot)
        ]
        return _rst(["Device", *keys], rows)
    return "\n".join(_lines(snapshot, divisor, units))


def state_snapshots_text(
    snapshots: Mapping[str, Sequence[Snapshot]], units: str = "B", *, tabulate: bool = False
) -> str:
    """The snapshots of one module, by state and call.

    Raises:
        ValueError: ``units`` is none of B, KiB, MiB and GiB.
    """
    divisor = _divisor(units)
    if tabulate:
        return _rst(*_state_rows(snapshots, divisor, units))
    lines = []
    for state, calls in snapshots.items():
        lines.append(state)
        for number, snapshot in enumerate(calls, start=1):
            lines.append(f"# {number}:")
            lines += _lines(snapshot, divisor, units) if snapshot else ["No memory tracked."]
    return "\n".join([*lines, ""])


def _state_rows(
    snapshots: Mapping[str, Sequence[Snapshot]], divisor: int, units: str
) -> tuple[list[str], list[list[str]]]:
    headers = ["State & Call", "Device"]
    rows = []
    for state, calls in snapshots.items():
        for number, snapshot in enumerate(calls, start=1):
            name = f"{state} # {number}"
            for device, sizes in _held(snapshot):
                rows.append([name, device, *(_amount(nbytes, divisor, units) for nbytes in sizes.values())])
                headers[2:] = sizes
                name = ""
    return headers, rows


def _divisor(units: str) -> int:
    if units not in _DIVISORS:
        msg = f"Unsupported unit: {units}. Supported units are: {', '.join(_DIVISORS)}"
        raise ValueError(msg)
    return _DIVISORS[units]


def _held(snapshot: Snapshot) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Devices that hold something; by bytes, since what is little in GiB is not nothing."""
    return ((device, sizes) for device, sizes in snapshot.items() if sizes[_TOTAL] > 0)


def _lines(snapshot: Snapshot, divisor: int, units: str) -> Iterator[str]:
    for device, sizes in _held(snapshot):
        yield f"Device: {device}"
        for name, nbytes in sizes.items():
            yield f"\t{name}: {_amount(nbytes, divisor, units)}"


def _amount(nbytes: int, divisor: int, units: str) -> str:
    if divisor == 1:
        return f"{nbytes} {units}"
    amount = nbytes / divisor
    number = round(amount, _DECIMALS)
    # Two decimals as torch has them, and two digits of what they would round to nothing.
    return f"{number} {units}" if abs(amount) >= 10**-_DECIMALS or not nbytes else f"{amount:.2g} {units}"


def _rst(headers: list[str], rows: list[list[str]]) -> str:
    from tabulate import tabulate  # noqa: PLC0415 - only those who see a table pay for the import

    return tabulate(rows, headers=headers, tablefmt="rst", disable_numparse=True)
