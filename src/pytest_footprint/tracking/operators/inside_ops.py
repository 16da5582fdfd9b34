"""Memory that an operator takes and gives back inside itself, from the allocator's own events.

No dispatch mode sees it. torch's profiler does: it is started without its Python front end, which takes 0.2 ms, and
every operator is put into a range whose name says at which event of the trace it began.
"""

from __future__ import annotations

import os
import sys
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from itertools import accumulate
from typing import Any, Self

from pytest_footprint.trace.trace import Trace
from pytest_footprint.tracking.internals import (
    EventType,
    ExperimentalConfig,
    ProfilerActivity,
    ProfilerConfig,
    ProfilerState,
    RecordFunctionFast,
    disable_profiler,
    enable_profiler,
    prepare_profiler,
    profiler_enabled,
)

_RANGE = "pytest-footprint:"


class ProfilerBusyError(RuntimeError):
    """Only one profiler can run at a time, and ``inside_ops`` needs it."""


class InsideOps:
    """Runs the profiler while a recording is open, and adds what it saw to the trace."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._running = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to listen.

        Raises:
            ProfilerBusyError: somebody else's profiler is running; it goes on undisturbed.
        """
        if profiler_enabled():
            msg = (
                "inside_ops needs torch's profiler, which is running already: end that one first,"
                " or record without inside_ops (--mem-inside-ops)"
            )
            raise ProfilerBusyError(msg)
        # Allocators report to the profiler from the host, that of CUDA too: no need to trace what the GPU does.
        activities = {ProfilerActivity.CPU}
        config = ProfilerConfig(ProfilerState.KINETO, False, True, False, False, False, ExperimentalConfig(), "")
        with _without_notices():
            prepare_profiler(config, activities)
            enable_profiler(config, activities)
        self._running = True

    @contextmanager
    def lent(self) -> Generator[None]:
        """Let another recording have the only profiler; what runs meanwhile is not listened to."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def range(self, op: int) -> Any:
        """The context in which operator number ``op`` runs, beginning at the next event."""
        if not self._running:
            return nullcontext()
        return RecordFunctionFast(f"{_RANGE}{len(self._trace.events)}:{op}")

    def stop(self) -> None:
        """Stop listening and add what was seen to the trace.

        Raises:
            ProfilerBusyError: another profiler took this one's place, and its events with it.
        """
        if not self._running:
            return
        self._running = False
        if not profiler_enabled():
            msg = (
                "inside_ops lost its events: another profiler was started, and ended, while it was recording;"
                " record this without inside_ops (--mem-inside-ops)"
            )
            raise ProfilerBusyError(msg)
        with _without_notices():
            result = disable_profiler()
        self._add(list(_flat(result.experimental_event_tree())))

    def _add(self, nodes: list[Any]) -> None:
        ranges = [node for node in nodes if node.name.startswith(_RANGE)]
        allocations = sorted(
            (node for node in nodes if node.tag == EventType.Allocation), key=lambda node: node.start_time_ns
        )
        by_device: dict[str, list[Any]] = {}
        for node in allocations:
            by_device.setdefault(str(node.extra_fields.device), []).append(node)
        for device, changes in by_device.items():
            times = [node.start_time_ns for node in changes]
            level = list(accumulate((node.extra_fields.alloc_size for node in changes), initial=0))
            for node in ranges:
                first, last = bisect_left(times, node.start_time_ns), bisect_right(times, node.end_time_ns)
                above = max(level[first : last + 1]) - level[first]
                hidden = above - max(level[last] - level[first], 0)
                if hidden > 0:
                    self._append(device, node.name, above, hidden)

    def _append(self, device: str, name: str, above: int, hidden: int) -> None:
        place, op = name.removeprefix(_RANGE).split(":")
        trace = self._trace
        trace.inside_place.append(int(place))
        trace.inside_op.append(int(op))
        trace.inside_device.append(trace.devices.number(device))
        trace.inside_bytes.append(above)
        trace.inside_hidden.append(hidden)


def _flat(roots: list[Any]) -> Iterator[Any]:
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.children)


@contextmanager
def _without_notices() -> Generator[None]:
    """Keep the profiler's ``USDT:`` lines, written below Python, off the user's stderr; all else goes through."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as caught:
        stderr = os.dup(2)
        try:
            os.dup2(caught.fileno(), 2)
            yield
        finally:
            os.dup2(stderr, 2)
            caught.seek(0)
            for line in caught:
                if not line.startswith(b"USDT:"):
                    os.write(2, line)
            os.close(stderr)
