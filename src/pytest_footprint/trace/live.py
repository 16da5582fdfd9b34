"""What is alive now, while the recording goes on."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.trace.events import CODE_BITS, CODE_MASK, Event, Phase
from pytest_footprint.trace.labels import KIND, KINDS, RANK
from pytest_footprint.trace.trace import Trace

_FIRST_GUESS = {
    Phase.EXISTING: RefType.OTHER,
    Phase.FORWARD: RefType.ACTIVATION,
    Phase.RECOMPUTE: RefType.ACTIVATION,
    Phase.BACKWARD: RefType.TEMPORARY,
    Phase.BACKWARD_GRAPH: RefType.ACTIVATION,
    Phase.OPTIMIZER: RefType.OPTIMIZER_STATE,
}
_GUESS = {int(phase): KIND[kind] for phase, kind in _FIRST_GUESS.items()}


class LiveView:
    """Replays what was recorded since it was last asked; it cannot know yet how long a tensor will live."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._next_event = 0
        self._next_label = 0
        self._size: dict[int, int] = {}
        self._kind: dict[int, int] = {}
        self._bytes: dict[int, list[int]] = {}

    def now(self, events: int | None = None, labels: int | None = None) -> Mapping[str, Mapping[RefType, int]]:
        """Bytes alive by device and reference type, after so many events and labels; by default after all."""
        trace = self._trace
        events = len(trace.events) if events is None else events
        labels = len(trace.label_storage) if labels is None else labels
        for event in trace.events[self._next_event : events]:
            code, argument = event & CODE_MASK, event >> CODE_BITS
            if code == Event.BORN:
                self._size[argument] = 0
                self._kind.setdefault(argument, _GUESS[trace.phase[argument]])
                self._resize(argument, trace.nbytes[argument])
            elif code == Event.FREED:
                self._resize(argument, 0)
                del self._size[argument], self._kind[argument]
            elif code == Event.RESIZED:
                self._resize(trace.resized_storage[argument], trace.resized_to[argument])
        self._next_event = events
        for row in range(self._next_label, labels):
            self._relabel(trace.label_storage[row], trace.label_type[row])
        self._next_label = labels
        return {
            trace.devices.keys[device]: {KINDS[number]: nbytes for number, nbytes in enumerate(row)}
            for device, row in self._bytes.items()
        }

    def _resize(self, storage: int, nbytes: int) -> None:
        row = self._bytes.setdefault(self._trace.device[storage], [0] * len(KINDS))
        row[self._kind[storage]] += nbytes - self._size[storage]
        self._size[storage] = nbytes

    def _relabel(self, storage: int, said: int) -> None:
        before = self._kind.get(storage)
        if before is None or RANK.get(before, 0) >= RANK[said]:
            return
        row = self._bytes[self._trace.device[storage]]
        row[before] -= self._size[storage]
        row[said] += self._size[storage]
        self._kind[storage] = said
