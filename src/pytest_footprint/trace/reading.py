"""From a trace to a footprint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_footprint.model.allocator_peak import AllocatorPeak
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.live_group import OPTIMIZER_STEP, LiveGroup
from pytest_footprint.model.module_stats import ModuleStats
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.structure import Structure
from pytest_footprint.model.usage import DeviceUsage, Usage
from pytest_footprint.trace.changes import Changes
from pytest_footprint.trace.events import CODE_BITS, Event, Phase
from pytest_footprint.trace.labels import KIND, KINDS, Labels
from pytest_footprint.trace.order import hierarchy
from pytest_footprint.trace.peaks import Highest, PeakFinder, Peaks, merged, places_of
from pytest_footprint.trace.places import Places
from pytest_footprint.trace.saved import saved
from pytest_footprint.trace.scopes import Scopes
from pytest_footprint.trace.steps import step_ends
from pytest_footprint.trace.timeline import Timeline, at_each_device
from pytest_footprint.trace.trace import Trace
from pytest_footprint.trace.unshards import most_unsharded, unshards
from pytest_footprint.trace.window import Window

_RECOMPUTE = int(Phase.RECOMPUTE)
PARAMETERS = (KIND[RefType.PARAMETER], KIND[RefType.SHARDED_PARAMETER])
"""What a module holds as parameters between steps."""
_TEMPORARY = KIND[RefType.TEMPORARY]


class Reading:
    """Answers about a trace as it stands, or as it stood after ``events``; make a new one when more was recorded."""

    def __init__(self, trace: Trace, events: int | None = None) -> None:
        self.trace = trace
        self.places = Places(trace.events)
        self.changes = Changes(trace, self.places)
        self.labels = Labels(trace, self.places, self.changes, events)
        self.scopes = Scopes(trace)
        self.timeline = Timeline(trace, self.changes, self.labels)

    def peaks(self, first: int, last: int) -> Peaks:
        """The highest points at or after event ``first`` and before event ``last``."""
        return PeakFinder(self.trace, self.places, self.changes, self.scopes).find(first, last)

    def hierarchy(self, window: Window) -> Hierarchy:
        """The order in which modules ran in the last step."""
        return hierarchy(self.trace, self.scopes, window.last_step, window.last, self.places)

    def footprint(
        self, window: Window, *, structure: Structure | None = None, environment: Mapping[str, str] | None = None
    ) -> Footprint:
        """What the steps of the window took and left."""
        devices = self.trace.devices.keys
        peaks = self.peaks(window.first, window.last)
        forward, backward = (merged(each, self.trace.call_module) for each in (peaks.forward, peaks.backward))
        marks = self._marks(window)
        before_last_step = window.last_step - 1 if window.last_step > window.first else window.first - 1
        end = window.last - 1
        usage = self.timeline.usage(
            [
                window.first - 1,
                before_last_step,
                end,
                *marks.values(),
                *places_of([peaks.whole, *forward.values(), *backward.values()]),
                *(each - 1 for each in window.ends),
            ],
        )
        at_peak = [
            group
            for device, (_, place) in peaks.whole.items()
            for group in (*self.groups(self.timeline.alive(place, device)), *self._inside(peaks.whole, usage, device))
        ]
        order = self.hierarchy(window)
        peak = at_each_device(peaks.whole, usage, devices)
        return Footprint(
            start=usage[window.first - 1],
            peak=peak,
            end=usage[end],
            growth=_difference(usage[end], usage[before_last_step]),
            saved=saved(self.trace, self.places, self.changes, self.labels, self.scopes, window.last_step, window.last),
            modules=self._modules(window, forward, backward, usage),
            forward=order.forward,
            backward=order.backward,
            recomputed=order.recomputed,
            structure=structure or Structure(),
            at_peak=_largest_first(at_peak),
            at_end=_largest_first(self.groups(self.timeline.alive(end))),
            inside_ops=self._inside_ops(window),
            measured={device: found for device, found in self._measured(window).items() if device in peak},
            marks={name: usage[place] for name, place in marks.items()},
            steps=window.steps,
            step_ends=step_ends(self, window.first, window.ends, usage),
            unsharded=unshards(self.trace, self.places, window.last_step, window.last),
            max_unsharded=most_unsharded(self.trace, self.places, window.first, window.last),
            environment=environment or {},
        )

    def origin(self, storage: int) -> tuple[int, int]:
        """The module that owns a storage, or else made it, and the operator that did; -1 where there is none."""
        trace, owner = self.trace, self.labels.owner[storage]
        module = owner if owner >= 0 else self.scopes.module(trace.scope[storage])
        return module, -1 if trace.phase[storage] == Phase.EXISTING else trace.op[storage]

    def outside(self, kind: int, storages: Iterable[int]) -> str:
        """What to call the maker of storages that no module made or owns."""
        phase = self.trace.phase
        in_step = kind == _TEMPORARY and all(phase[storage] == Phase.OPTIMIZER for storage in storages)
        return OPTIMIZER_STEP if in_step else ""

    def groups(self, alive: Mapping[int, int]) -> Iterable[LiveGroup]:
        """What is alive, grouped by all that one can say of it."""
        trace = self.trace
        found: dict[tuple[int, int, int, int, int], list[int]] = {}
        for sid in alive:
            key = (self.labels.kind[sid], *self.origin(sid), trace.layout[sid], trace.device[sid])
            found.setdefault(key, []).append(sid)
        for (kind, module, op, layout, device), members in found.items():
            shape, dtype = trace.layouts.keys[layout]
            source = trace.source[members[0]]
            yield LiveGroup(
                ref_type=KINDS[kind],
                fqn=trace.module_fqn(module) if module >= 0 else self.outside(kind, members),
                op=trace.ops.keys[op] if op >= 0 else "",
                shape=shape,
                dtype=dtype,
                device=trace.devices.keys[device],
                count=len(members),
                nbytes=ByteSize(sum(alive[sid] for sid in members)),
                source=trace.sources.keys[source] if source >= 0 else None,
            )

    def _inside(self, highest: Highest, usage: Mapping[int, DeviceUsage], device: int) -> Iterable[LiveGroup]:
        """What the operator at the highest point held inside itself."""
        trace, (total, place), name = self.trace, highest[device], self.trace.devices.keys[device]
        nbytes = total - usage[place][name].total if name in usage[place] else 0
        if nbytes:
            rows = zip(trace.inside_place, trace.inside_device, trace.inside_bytes, trace.inside_op, strict=True)
            op = next(op for at, on, above, op in rows if (at, on, above) == (place + 1, device, nbytes))
            yield LiveGroup(
                ref_type=RefType.TEMPORARY,
                fqn="",
                op=f"inside {trace.ops.keys[op]}",
                shape=(nbytes,),
                dtype="bytes",
                device=name,
                count=1,
                nbytes=ByteSize(nbytes),
            )

    def _inside_ops(self, window: Window) -> dict[str, ByteSize]:
        trace = self.trace
        most: dict[str, int] = {}
        for place, op, hidden in zip(trace.inside_place, trace.inside_op, trace.inside_hidden, strict=True):
            if window.first <= place <= window.last:
                name = trace.ops.keys[op]
                most[name] = max(most.get(name, 0), hidden)
        return {name: ByteSize(most[name]) for name in sorted(most, key=lambda name: -most[name])}

    def _measured(self, window: Window) -> dict[str, AllocatorPeak]:
        trace = self.trace
        most: dict[str, AllocatorPeak] = {}
        for first, last, device, allocated, reserved in zip(
            trace.measured_first,
            trace.measured_last,
            trace.measured_device,
            trace.measured_allocated,
            trace.measured_reserved,
            strict=True,
        ):
            if window.first <= first and last <= window.last:
                peak = most.get(device, AllocatorPeak(ByteSize(0), ByteSize(0)))
                most[device] = AllocatorPeak(
                    ByteSize(max(peak.allocated, allocated)), ByteSize(max(peak.reserved, reserved))
                )
        return most

    def _marks(self, window: Window) -> dict[str, int]:
        marks = self.places.events(Event.MARK, first=window.first, last=window.last)
        return {self.trace.marks[event >> CODE_BITS]: place for place, event in marks}

    def _modules(
        self,
        window: Window,
        forward: Mapping[int, Highest],
        backward: Mapping[int, Highest],
        usage: Mapping[int, DeviceUsage],
    ) -> dict[str, ModuleStats]:
        trace = self.trace
        last_call: dict[int, int] = {}
        for _, event in self.places.events(Event.ENTER, first=window.first, last=window.last):
            call = event >> CODE_BITS
            if trace.call_phase[call] != _RECOMPUTE:
                last_call[trace.call_module[call]] = call
        parameters, buffers = self.held(*PARAMETERS), self.held(KIND[RefType.BUFFER])
        devices = trace.devices.keys
        return {
            trace.module_fqn(module): ModuleStats(
                parameters=ByteSize(parameters.get(module, 0)),
                buffers=ByteSize(buffers.get(module, 0)),
                inputs=ByteSize(trace.call_inputs[call]),
                outputs=ByteSize(trace.call_outputs[call]),
                forward_peak=at_each_device(forward.get(module, {}), usage, devices),
                backward_peak=at_each_device(backward.get(module, {}), usage, devices),
            )
            for module, call in last_call.items()
        }

    def held(self, *kinds: int) -> dict[int, int]:
        """Bytes of some reference types below each module; a storage that is registered twice counts once."""
        trace = self.trace
        below: dict[int, set[int]] = {}
        for sid, said, owner in zip(trace.label_storage, trace.label_type, trace.label_module, strict=True):
            module = owner
            while said in kinds and module >= 0:
                below.setdefault(module, set()).add(sid)
                module = trace.module_parent[module]
        return {module: sum(trace.nbytes[sid] for sid in storages) for module, storages in below.items()}


def _largest_first(groups: Iterable[LiveGroup]) -> tuple[LiveGroup, ...]:
    return tuple(sorted(groups, key=lambda group: (-group.nbytes, group.ref_type, group.fqn, group.op, group.shape)))


def _difference(after: DeviceUsage, before: DeviceUsage) -> DeviceUsage:
    found = {}
    for device in sorted({*after, *before}):
        now, then = after.get(device, Usage()), before.get(device, Usage())
        found[device] = Usage.of({kind: now[kind] - then[kind] for kind in RefType})
    return DeviceUsage(found)
