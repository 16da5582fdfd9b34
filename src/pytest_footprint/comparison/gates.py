"""Whether two runs stay within what a build allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Signal
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.gate import Gate, GateFailure
from pytest_footprint.model.run_comparison import FootprintChange, RunComparison
from pytest_footprint.model.usage import DeviceUsage

_ZERO = ByteSize(0)


def gate_failures(comparison: RunComparison, gates: Iterable[Gate]) -> tuple[GateFailure, ...]:
    """Every place in which a gate does not hold, gate by gate."""
    return tuple(failure for gate in gates for failure in _failures(comparison, gate))


def _failures(comparison: RunComparison, gate: Gate) -> Iterator[GateFailure]:
    if gate.signal is None:
        for each in comparison.vanished:
            yield GateFailure(gate, each.test, ", ".join(each.names), each.why or "is gone")
        return
    for change in comparison.changes:
        for says in _said(change, gate, gate.signal):
            yield GateFailure(gate, change.test, change.name, says)


def _said(change: FootprintChange, gate: Gate, signal: Signal) -> Iterator[str]:
    if signal in {Signal.ORDER, Signal.STRUCTURE}:
        count = sum(each.signal is signal for each in change.comparison.changes)
        if count:
            yield f"{signal} differs in {count} place{'s' * (count > 1)}"
        return
    before, after = _totals(change.before, signal), _totals(change.after, signal)
    for device, now in after.items():
        was = before.get(device, _ZERO)
        if not gate.allows(was, now):
            share = f" ({100 * (now - was) / was:+.3g} %)" if was > 0 else ""
            yield f"{device} {signal} {was} -> {now}{share}"


def _totals(footprint: Footprint, signal: Signal) -> Mapping[str, ByteSize]:
    if signal is Signal.SAVED:
        totals: dict[str, ByteSize] = {}
        for row in footprint.saved:
            totals[row.device] = totals.get(row.device, _ZERO) + row.nbytes
        return totals
    moments: dict[Signal, DeviceUsage] = {
        Signal.PEAK: footprint.peak,
        Signal.END: footprint.end,
        Signal.GROWTH: footprint.growth,
    }
    return {device: usage.total for device, usage in moments[signal].items()}
