"""A storage that is alive, and what happens when it dies."""

from __future__ import annotations

import weakref
from typing import Any

from pytest_footprint.trace.events import CODE_BITS, Event
from pytest_footprint.trace.trace import Trace

_FREED = int(Event.FREED)


class Tracked(weakref.ref):  # type: ignore[type-arg] # the C type takes no parameter at run time
    """A weak reference to a storage that knows its row; torch keeps the Python object while the C++ one lives."""

    __slots__ = ("key", "modules", "nbytes", "rank", "storage")

    key: int
    modules: tuple[int, ...]
    """The modules that it was said to belong to under its present label, which it has once ``rank`` is above 0."""
    nbytes: int
    rank: int
    storage: int


def freed_callback(alive: dict[int, Tracked], trace: Trace) -> Any:
    """One callback for all storages. It holds the columns, not the recorder, which so stays out of any cycle."""
    append, forget = trace.events.append, alive.pop

    def freed(found: Tracked) -> None:
        forget(found.key, None)
        append(found.storage << CODE_BITS | _FREED)

    return freed
