"""Snapshots of every module call, as torch's MemTracker keeps them, read from a trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.usage import DeviceUsage
from pytest_footprint.trace.events import CODE_BITS, CODE_MASK, Event, Phase, node_scope
from pytest_footprint.trace.labels import KIND
from pytest_footprint.trace.peaks import places_of
from pytest_footprint.trace.reading import PARAMETERS, Reading
from pytest_footprint.trace.timeline import at_each_device
from pytest_footprint.trace.trace import Trace
from pytest_footprint.tracking.compat.words import TOTAL, ModMemStats, ModState, Snapshot, Words, snapshot

Moment = tuple[int, ModState, int]
"""A call, the state it is in, and the event at which it is."""

_PEAKS = {ModState.PEAK_FW, ModState.PEAK_BW}


def peak_snapshot(trace: Trace, first: int, last: int, words: Words) -> Snapshot:
    """What was alive when the most was alive from before event ``first`` to before ``last``, for each device."""
    reading = Reading(trace, last)
    highest = reading.peaks(first, last).whole if first < last else {}
    usage = reading.timeline.usage([first - 1, *places_of([highest])])
    found = snapshot(_by_ref_type(usage[first - 1]), words)
    for device, row in snapshot(_by_ref_type(at_each_device(highest, usage, trace.devices.keys)), words).items():
        if device not in found or row[TOTAL] > found[device][TOTAL]:
            found[device] = row
    return found


def module_stats(trace: Trace, first: int, last: int) -> dict[int, ModMemStats]:
    """The statistics of each module that ran from event ``first`` to before ``last``, by the module's row."""
    reading = Reading(trace, last)
    moments = list(_moments(reading, first, last))
    peaks = reading.peaks(first, last)
    highest = {ModState.PEAK_FW: peaks.forward, ModState.PEAK_BW: peaks.backward}
    usage = reading.timeline.usage([*(place for _, _, place in moments), *peaks.places()])
    parameters, buffers = reading.held(*PARAMETERS), reading.held(KIND[RefType.BUFFER])
    last_call = {
        trace.call_module[call]: call for call, phase in enumerate(trace.call_phase) if phase != Phase.RECOMPUTE
    }
    found: dict[int, ModMemStats] = {}
    for call, state, place in moments:
        module = trace.call_module[call]
        if module not in found:
            latest = last_call.get(module, call)
            found[module] = ModMemStats(
                mod_fqn=trace.module_fqn(module),
                parameter_mem=parameters.get(module, 0),
                buffer_mem=buffers.get(module, 0),
                input_mem=trace.call_inputs[latest],
                output_mem=trace.call_outputs[latest],
            )
        stats = found[module]
        if state in _PEAKS:
            alive = at_each_device(highest[state].get(call, {}), usage, trace.devices.keys)
        else:
            alive = usage[place]
        taken = snapshot(_by_ref_type(alive))
        if state in _PEAKS:
            stats.local_peak = {device: row[TOTAL] for device, row in taken.items()}
        stats.snapshots.setdefault(state, []).append(taken)
    return found


def _moments(reading: Reading, first: int, last: int) -> Iterator[Moment]:
    """Every state that every call was in, in the order of the events."""
    trace, scopes = reading.trace, reading.scopes
    entered: set[int] = set()
    left_at: dict[int, int] = {}
    running: list[int] = []
    for place in range(first, last):
        code, argument = trace.events[place] & CODE_MASK, trace.events[place] >> CODE_BITS
        if code == Event.ENTER:
            entered.add(argument)
            recompute = trace.call_phase[argument] == Phase.RECOMPUTE
            if not recompute:
                yield argument, ModState.PEAK_FW, place
            yield argument, ModState.PRE_FW_AC if recompute else ModState.PRE_FW, place
        elif code == Event.EXIT and argument in entered:
            recompute = trace.call_phase[argument] == Phase.RECOMPUTE
            yield argument, ModState.POST_FW_AC if recompute else ModState.POST_FW, place
        elif code in (Event.NODE, Event.GRAPH_END):
            left_at.update(dict.fromkeys(running, place))
            running = list(scopes.path(scopes.call(node_scope(argument)))) if code == Event.NODE else []
            for call in running:
                if call not in left_at:
                    left_at[call] = place
                    yield call, ModState.PEAK_BW, place
                    yield call, ModState.PRE_BW, place
        if code == Event.GRAPH_END:
            for call, end in left_at.items():
                yield call, ModState.POST_BW, end
            left_at.clear()


def _by_ref_type(usage: DeviceUsage) -> Mapping[str, Mapping[RefType, int]]:
    return {device: dict(row.items()) for device, row in usage.items()}
