"""What each event changed, and from that how long each storage lived."""

from __future__ import annotations

from array import array

from pytest_footprint.trace.events import CODE_BITS, CODE_MASK, Event, Phase
from pytest_footprint.trace.places import Places
from pytest_footprint.trace.trace import Trace

NEVER = 1 << 62
_BORN, _FREED, _EXISTING = int(Event.BORN), int(Event.FREED), int(Phase.EXISTING)


class Changes:
    """Births, deaths and changes of size, one entry each, in the order of the events.

    What is older than the recording counts from before the first event on, not from where it was met.

    Args:
        trace: what was recorded.
        places: where its events stand.
    """

    def __init__(self, trace: Trace, places: Places) -> None:
        self.place = places.of(Event.BORN, Event.FREED, Event.RESIZED)
        """Where the entry stands in the events."""
        self.storage: list[int] = []
        self.nbytes: list[int] = []
        """How many bytes more are alive."""
        self.resized: list[tuple[int, int, int]] = []
        """Place, storage and new bytes of each change of size."""
        self.existing = [sid for sid, phase in enumerate(trace.phase) if phase == _EXISTING]
        self.birth = array("q", [NEVER]) * len(trace.nbytes)
        self.death = array("q", [NEVER]) * len(trace.nbytes)
        self._trace = trace
        self._read(places)

    def _read(self, places: Places) -> None:
        birth, death, phase, size = self.birth, self.death, self._trace.phase, list(self._trace.nbytes)
        said_storage, said_nbytes = self.storage.append, self.nbytes.append
        for place, event in places.events(Event.BORN, Event.FREED, Event.RESIZED):
            code, sid = event & CODE_MASK, event >> CODE_BITS
            if code == _BORN:
                birth[sid] = place
                said_storage(sid)
                said_nbytes(size[sid] if phase[sid] != _EXISTING else 0)
            elif code == _FREED:
                death[sid] = place
                said_storage(sid)
                said_nbytes(-size[sid])
            else:
                sid, nbytes = self._trace.resized_storage[sid], self._trace.resized_to[sid]
                said_storage(sid)
                said_nbytes(nbytes - size[sid])
                size[sid] = nbytes
                self.resized.append((place, sid, nbytes))

    def sizes(self, place: int) -> list[int]:
        """The bytes of each storage as they were right after event ``place``, or would have been."""
        size = list(self._trace.nbytes)
        for at, sid, nbytes in self.resized:
            if at <= place:
                size[sid] = nbytes
        return size

    def alive(self, place: int) -> list[int]:
        """The storages that were alive right after event ``place``, in the order in which they were born."""
        phase = self._trace.phase
        old = [sid for sid in self.existing if self.death[sid] > place]
        new = [
            sid
            for sid, (born, dies) in enumerate(zip(self.birth, self.death, strict=True))
            if born <= place < dies and phase[sid] != _EXISTING
        ]
        return old + sorted(new, key=self.birth.__getitem__)
