"""Is all gone that a function made?"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.report.released import released_text
from pytest_footprint.trace.events import Phase
from pytest_footprint.trace.reading import Reading
from pytest_footprint.tracking.assertions.callables import check_callable
from pytest_footprint.tracking.assertions.holders import holders
from pytest_footprint.tracking.assertions.saving import Isolated
from pytest_footprint.tracking.recorder import Recorder
from pytest_footprint.tracking.storages.tracked import Tracked


def left_alive(
    isolated: Isolated, fn: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any], warmup: int
) -> str:
    """Call ``fn``, drop what it returns, and say what it made is alive still; ``""`` when nothing is.

    Raises:
        TypeError: ``fn`` cannot be called, or is a coroutine function.
    """
    check_callable("fn", fn)
    with isolated(f"what {_name(fn)} leaves") as tracker:
        for _ in range(warmup):
            fn(*args, **kwargs)
        recorder = tracker._recorder
        before = len(recorder.trace.nbytes)
        with tracker.step():
            fn(*args, **kwargs)
        if not _alive(recorder, before):
            return ""
    # A finalizer may have made new garbage, and older objects, left alone until now, may have been part of a cycle.
    gc.collect()
    gc.collect()
    found = _alive(recorder, before)
    return released_text(_name(fn), _explained(recorder, found)) if found else ""


def _alive(recorder: Recorder, before: int) -> list[Tracked]:
    phase = recorder.trace.phase
    return [
        found
        for found in tuple(recorder.live.by_id.values())
        if found.storage >= before and found.nbytes and phase[found.storage] != Phase.EXISTING
    ]


def _explained(recorder: Recorder, alive: list[Tracked]) -> list[tuple[LiveGroup, str]]:
    """Groups that look alike, each with the holder of its first one."""
    reading = Reading(recorder.trace)
    held_by = holders({found.key: found.storage for found in alive})
    rows: dict[LiveGroup, tuple[LiveGroup, str]] = {}
    for found in alive:
        [group] = reading.groups({found.storage: found.nbytes})
        look = replace(group, count=0, nbytes=group.nbytes - group.nbytes)
        holder = held_by.get(found.storage, "")
        if look in rows:
            first, named = rows[look]
            count, nbytes = first.count + 1, first.nbytes + group.nbytes
            rows[look] = replace(first, count=count, nbytes=nbytes), named or holder
        else:
            rows[look] = group, holder
    return list(rows.values())


def _name(fn: object) -> str:
    inner = getattr(fn, "func", fn)  # of a partial
    name = getattr(inner, "__qualname__", type(fn).__name__).replace("<locals>.", "").rpartition(".")[2]
    return "the lambda" if name == "<lambda>" else f"{name}()"
