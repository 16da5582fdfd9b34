"""What the profiler's events would cost as a recorder: python benchmarks/profiler_recorder.py

The findings are in docs/decisions/021-the-profiler-is-no-second-recorder.md.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from pytest_footprint import MemTracker
from pytest_footprint.tracking import internals
from pytest_footprint.tracking.operators.inside_ops import _flat, _without_notices

sys.path.insert(0, str(Path(__file__).parent / "performance"))

from models import model_of, training_step

STEPS, ROUNDS, MODULES = 20, 8, 21
STOPPED: dict[str, str] = {}


class EmptyMode(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def profiled(name: str, *, hooks: bool = False, shapes: bool = False, stack: bool = False) -> Generator[None]:
    """Memory events; with ``hooks`` every module call in a range, as a recorder would need it."""
    activities = {internals.ProfilerActivity.CPU}
    config = internals.ProfilerConfig(
        internals.ProfilerState.KINETO, shapes, True, stack, False, False, internals.ExperimentalConfig(), ""
    )
    with contextlib.ExitStack() as undo:
        if hooks:
            for handle in _ranges_for_modules():
                undo.callback(handle.remove)
        with _without_notices():
            internals.prepare_profiler(config, activities)
            internals.enable_profiler(config, activities)
        try:
            yield
        finally:
            begin = time.perf_counter()
            with _without_notices():
                result = internals.disable_profiler()
            stopped = time.perf_counter()
            nodes = sum(1 for _ in _rows(result))
            read = time.perf_counter()
            STOPPED[name] = (
                f"{(stopped - begin) / STEPS * 1e3:.2f} ms to stop, {(read - stopped) / STEPS * 1e3:.2f} ms to read"
                f" {nodes // STEPS} rows, each a step"
            )


def _ranges_for_modules() -> Iterator[Any]:
    open_ranges: list[Any] = []

    def before(module: nn.Module, args: object) -> None:
        entered = internals.RecordFunctionFast("module")
        entered.__enter__()
        open_ranges.append(entered)

    def after(module: nn.Module, args: object, output: object) -> None:
        open_ranges.pop().__exit__(None, None, None)

    yield register_module_forward_pre_hook(before)
    yield register_module_forward_hook(after)


def _rows(result: Any) -> Iterator[tuple[object, ...]]:
    for node in _flat(result.experimental_event_tree()):
        if node.tag == internals.EventType.Allocation:
            fields = node.extra_fields
            yield fields.alloc_size, fields.ptr, node.start_time_ns
        else:
            yield node.name, node.start_time_ns, node.end_time_ns


def shortest(step: Callable[[], None]) -> float:
    best = float("inf")
    for _ in range(STEPS):
        begin = time.perf_counter()
        step()
        best = min(best, time.perf_counter() - begin)
    return best


def main() -> None:
    torch.set_num_threads(1)
    model = model_of(MODULES)
    step = training_step(model, torch.optim.SGD(model.parameters(), lr=0.01))
    contestants: dict[str, Callable[[], contextlib.AbstractContextManager[Any]]] = {
        "eager": contextlib.nullcontext,
        "empty mode": EmptyMode,
        "MemTracker without file:line": lambda: MemTracker(source_lines=False),
        "profiler": lambda: profiled("profiler"),
        "profiler and module ranges": lambda: profiled("profiler and module ranges", hooks=True),
        "profiler with shapes": lambda: profiled("profiler with shapes", shapes=True),
        "profiler with stacks": lambda: profiled("profiler with stacks", stack=True),
    }
    took = dict.fromkeys(contestants, float("inf"))
    for _ in range(ROUNDS):
        for name, context in contestants.items():
            with context():
                took[name] = min(took[name], shortest(step))
    for name, seconds in took.items():
        after = f"; then {STOPPED[name]}" if name in STOPPED else ""
        print(f"{name:30} {seconds * 1e3:6.2f} ms a step, {seconds / took['eager']:4.2f} x eager{after}")


if __name__ == "__main__":
    main()
