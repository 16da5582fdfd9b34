"""Snapshots of every module call around what FSDP does, as torch's FSDPMemTracker keeps them, read from a trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.trace.events import CODE_BITS, CODE_MASK, Event, Phase, Sharding, node_scope
from pytest_footprint.trace.labels import KIND
from pytest_footprint.trace.reading import Reading
from pytest_footprint.trace.timeline import at_each_device
from pytest_footprint.trace.trace import Trace
from pytest_footprint.tracking.compat.fsdp_words import FSDP_WORDS, FSDPModMemStats, FSDPModState
from pytest_footprint.tracking.compat.words import TOTAL, snapshot

Moment = tuple[int, FSDPModState, int, int]
"""A module, the state it is in, the event at which it is, and the call of which it is the peak (else -1)."""

_S = FSDPModState
_PEAKS = frozenset({_S.PEAK_FW, _S.PEAK_BW})
_ALL_GATHER = KIND[RefType.ALL_GATHER]
_BEFORE_FORWARD = frozenset({Sharding.PRE_FORWARD, Sharding.PRE_FORWARD_END, Sharding.UNSHARD_IN_FORWARD})
_BEFORE_BACKWARD = frozenset({Sharding.PRE_BACKWARD, Sharding.PRE_BACKWARD_END, Sharding.UNSHARD_IN_BACKWARD})
_AFTER_FORWARD = frozenset({Sharding.POST_FORWARD, Sharding.POST_FORWARD_END, Sharding.RESHARD})
_IN_BACKWARD = {
    Sharding.PRE_BACKWARD: _S.BEF_PRE_BW,
    Sharding.PRE_BACKWARD_END: _S.AFT_PRE_BW,
    Sharding.POST_BACKWARD: _S.BEF_POST_BW,
    Sharding.POST_BACKWARD_END: _S.AFT_POST_BW,
}
_BEGINS = frozenset({_S.BEF_PRE_BW, _S.BEF_POST_BW})


def fsdp_module_stats(trace: Trace, first: int, last: int) -> dict[int, FSDPModMemStats]:
    """The statistics of each module that ran from event ``first`` to before ``last``, by the module's row."""
    reading = Reading(trace, last)
    moments = list(_Moments(reading, first, last).all())
    peaks = reading.peaks(first, last)
    highest = {_S.PEAK_FW: peaks.forward, _S.PEAK_BW: peaks.backward}
    usage = reading.timeline.usage([*(place for _, _, place, _ in moments), *peaks.places()])
    found: dict[int, FSDPModMemStats] = {}
    for module, state, place, call in moments:
        stats = found.setdefault(module, FSDPModMemStats(trace.module_fqn(module)))
        alive = usage[place]
        if state in _PEAKS:
            alive = at_each_device(highest[state].get(call, {}), usage, trace.devices.keys)
        taken = snapshot({device: dict(row.items()) for device, row in alive.items()}, FSDP_WORDS)
        if state in _PEAKS:
            stats.local_peak = {device: row[TOTAL] for device, row in taken.items()}
        stats.snapshots.setdefault(state, []).append(taken)
    return found


class _Moments:
    """Every state that every module was in.

    Where FSDP does nothing, because a module has no parameters of its own to gather, before and after are the same.
    """

    def __init__(self, reading: Reading, first: int, last: int) -> None:
        self._trace, self._scopes, self._kind = reading.trace, reading.scopes, reading.labels.kind
        self._first, self._last = first, last
        self._groups: dict[int, set[int]] = {}
        self._modules: dict[int, list[int]] = {}
        for group, module in zip(self._trace.group_number, self._trace.group_module, strict=True):
            self._groups.setdefault(module, set()).add(group)
            self._modules.setdefault(group, []).append(module)
        self._times: Counter[tuple[int, FSDPModState]] = Counter()
        self._running: list[int] = []
        self._left_at: dict[int, int] = {}

    def all(self) -> Iterator[Moment]:
        """In the order of the events."""
        trace = self._trace
        entered: set[int] = set()
        for place in range(self._first, self._last):
            code, argument = trace.events[place] & CODE_MASK, trace.events[place] >> CODE_BITS
            if code == Event.ENTER:
                entered.add(argument)
                yield from self._enter(argument, place)
            elif code == Event.EXIT and argument in entered:
                yield from self._exit(argument, place)
            elif code == Event.SHARDING:
                yield from self._shards(argument, place)
            elif code in (Event.NODE, Event.GRAPH_END):
                yield from self._reaches(argument if code == Event.NODE else None, place)

    def _enter(self, call: int, place: int) -> Iterator[Moment]:
        module = self._trace.call_module[call]
        if self._trace.call_phase[call] == Phase.RECOMPUTE:
            yield module, _S.PRE_FW_AC, place, -1
            return
        yield module, _S.PEAK_FW, place, call
        yield module, _S.BEF_PRE_FW, place, -1
        yield module, _S.AFT_PRE_FW, self._gathered(place, _BEFORE_FORWARD) if module in self._groups else place, -1

    def _exit(self, call: int, place: int) -> Iterator[Moment]:
        module = self._trace.call_module[call]
        if self._trace.call_phase[call] == Phase.RECOMPUTE:
            yield module, _S.POST_FW_AC, place, -1
            return
        yield module, _S.BEF_POST_FW, place, -1
        yield module, _S.AFT_POST_FW, self._resharded(self._groups.get(module, set()), place), -1

    def _gathered(self, place: int, what: Collection[Sharding]) -> int:
        """The last all-gather before anything else begins: what is prefetched comes after FSDP's own call."""
        found = place
        for at in range(place + 1, self._last):
            event = self._trace.events[at]
            code = event & CODE_MASK
            if code == Event.SHARDING:
                if self._trace.sharding_what[event >> CODE_BITS] not in what:
                    break
                found = at
            elif code in (Event.ENTER, Event.EXIT, Event.NODE, Event.GRAPH_END):
                break
        return found

    def _resharded(self, groups: Collection[int], place: int) -> int:
        """FSDP's own call after the forward, and the all-gather that it lets go when the root is over."""
        found, waits = place, len(groups)
        for at in range(place + 1, self._last):
            event = self._trace.events[at]
            code, argument = event & CODE_MASK, event >> CODE_BITS
            if code == Event.SHARDING:
                what = self._trace.sharding_what[argument]
                if self._trace.sharding_group[argument] not in groups or what not in _AFTER_FORWARD:
                    break
                found = at
                waits -= what == Sharding.POST_FORWARD_END
            elif code == Event.FREED and self._kind[argument] == _ALL_GATHER:
                found = at
            elif not waits or code in (Event.ENTER, Event.EXIT, Event.NODE):
                break
        return found

    def _shards(self, row: int, place: int) -> Iterator[Moment]:
        """What FSDP does in backward; of several groups in a module the first begins, and the last ends."""
        state = _IN_BACKWARD.get(Sharding(self._trace.sharding_what[row]))
        if state is None:
            return
        for module in self._modules[self._trace.sharding_group[row]]:
            before, many = self._times[module, state], len(self._groups[module])
            self._times[module, state] += 1
            if before % many == (0 if state in _BEGINS else many - 1):
                at = self._gathered(place, _BEFORE_BACKWARD) if state is _S.AFT_PRE_BW else place
                yield module, state, at, -1

    def _reaches(self, node: int | None, place: int) -> Iterator[Moment]:
        """Backward moves on to a node, or is over."""
        trace = self._trace
        self._left_at.update(dict.fromkeys(self._running, place))
        self._running = [] if node is None else list(self._scopes.path(self._scopes.call(node_scope(node))))
        for call in self._running:
            if call not in self._left_at:
                self._left_at[call] = place
                module = trace.call_module[call]
                yield module, _S.PEAK_BW, place, call
                if module not in self._groups:
                    yield module, _S.BEF_PRE_BW, place, -1
                    yield module, _S.AFT_PRE_BW, place, -1
        if node is None:
            for call, end in self._left_at.items():
                if trace.call_module[call] not in self._groups:
                    yield trace.call_module[call], _S.BEF_POST_BW, end, -1
                    yield trace.call_module[call], _S.AFT_POST_BW, end, -1
            self._left_at.clear()
