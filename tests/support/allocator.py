"""Ground truth for CPU memory: the events of torch's own allocator, as its profiler records them.

It knows nothing of the trackers. What oneDNN, MKL or OpenMP take with malloc is in neither number.

The profiler does not hear of what a thread frees that it does not follow, such as the threads of gloo: those drop the
copy that a reduce-scatter takes of its input whenever they get to it. An address that is handed out again tells of it.
"""

from __future__ import annotations

import bisect
import gc
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from torch._C._profiler import _EventType
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils._python_dispatch import TorchDispatchMode

_MARK = "operator:"


class _MarkOperators(TorchDispatchMode):
    """Puts every operator into a profiler range, so that memory can be read where it ends."""

    supports_higher_order_operators = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with record_function(f"{_MARK}{func}"):
            return func(*args, **(kwargs or {}))


@dataclass(frozen=True)
class AllocatorRun:
    """What the allocator did while a function ran; bytes above where it began."""

    peak: int
    """The highest point, memory inside operators included."""
    peak_at_operator_ends: int
    """The highest point where an operator returns: what any dispatch mode can see at best."""
    end: int
    """Still alive at the end."""


def measure(fn: Callable[[], object], *, mark_operators: bool = True) -> AllocatorRun:
    """Run ``fn`` once under the profiler."""
    gc.collect()
    gc.disable()
    try:
        # torch 2.11 warns that it does not accumulate events, whether or not there is anything to accumulate.
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as recorded:
            if mark_operators:
                with _MarkOperators():
                    fn()
            else:
                fn()
    finally:
        gc.enable()
    events: list[tuple[int, int, int]] = []
    ends: list[int] = []
    assert recorded.profiler is not None
    assert recorded.profiler.kineto_results is not None
    nodes = list(recorded.profiler.kineto_results.experimental_event_tree())
    while nodes:
        node = nodes.pop()
        nodes.extend(node.children)
        if node.tag == _EventType.Allocation:
            events.append((node.start_time_ns, node.extra_fields.alloc_size, node.extra_fields.ptr))
        elif node.name.startswith(_MARK):
            ends.append(node.end_time_ns)
    changes = _with_unheard_frees(sorted(events, key=lambda event: event[0]))
    times = [time for time, _ in changes]
    level = list(accumulate((size for _, size in changes), initial=0))
    at_ends = [0, *(level[bisect.bisect_right(times, end)] for end in ends)]
    return AllocatorRun(peak=max(level), peak_at_operator_ends=max(at_ends), end=level[-1])


def _with_unheard_frees(events: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """Time and bytes of each change; what was at an address that is given out again was free right before."""
    alive: dict[int, int] = {}
    found = []
    for time, nbytes, address in events:
        if nbytes > 0:
            if address in alive:
                found.append((time, -alive[address]))
            alive[address] = nbytes
        else:
            alive.pop(address, None)
        found.append((time, nbytes))
    return found
