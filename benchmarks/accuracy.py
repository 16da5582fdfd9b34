"""Writes docs/accuracy.md: what is tracked, held against the CPU allocator's own account, with torch's tracker beside.

python benchmarks/accuracy.py
"""

from __future__ import annotations

import gc
import platform
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from tabulate import tabulate

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from allocator import measure  # noqa: E402 - lies beside the tests that use it too
from workloads import WORKLOADS  # noqa: E402

from pytest_footprint.tracking import MemTracker  # noqa: E402

INTRODUCTION = """# Accuracy

Written by `python benchmarks/accuracy.py`. Each row is one step of a small program (`tests/support/workloads.py`),
torch {torch}, Python {python}, CPU, one thread. All bytes are above what was alive when the step began.

- **at operator ends**: the most that the allocator had given out when an operator returned, by its own events
  (`torch.profiler`, `tests/support/allocator.py`), which know nothing of any tracker. `tracked` is the peak of
  `MemTracker().run(step)`, and `error` the difference between the two in bytes.
- **inside operators**: the allocator's true peak; `tracked` is that of `MemTracker(inside_ops=True)`.
- **end**: tracked minus true bytes alive after the step.
- **observer**: the allocator's true peak with the tracker on, divided by the one without.
- **torch**: what `torch.distributed._tools.mem_tracker.MemTracker` says of the same step, model and optimizer
  registered, divided by the allocator's peak at operator ends; or why it says nothing.

"""

NOTES = """
A tracker cannot see memory that is not torch's: what oneDNN, MKL and OpenMP take with malloc is in no column.
`embedding_sparse`: under any dispatch mode, also an empty one, autograd copies the 2048 bytes of a sparse gradient's
indices; that is the whole of its observer effect.
"""


@dataclass(frozen=True)
class Row:
    """One workload."""

    name: str
    at_ends: int
    tracked: int
    end_error: int
    inside: int
    tracked_inside: int
    observer: float
    torchs: str

    def cells(self) -> list[str]:
        return [
            self.name,
            f"{self.at_ends:,}",
            f"{self.tracked:,}",
            f"{self.tracked - self.at_ends:+d}",
            f"{self.end_error:+d}",
            f"{self.inside:,}",
            f"{self.tracked_inside:,}",
            f"{self.tracked_inside / self.inside:.4f}",
            f"{self.observer:.4f}",
            self.torchs,
        ]


HEADERS = [
    "workload",
    "at operator ends",
    "tracked",
    "error",
    "end",
    "inside operators",
    "tracked",
    "ratio",
    "observer",
    "torch",
]


def _fresh(name: str) -> Callable[[], object]:
    gc.collect()
    torch.manual_seed(0)
    return WORKLOADS[name]()


def _row(name: str) -> Row:
    marked = measure(_fresh(name))
    bare = measure(_fresh(name), mark_operators=False)
    footprint = MemTracker().run(_fresh(name))
    inside = MemTracker(inside_ops=True).run(_fresh(name))
    observed_step, tracker = _fresh(name), MemTracker()

    def observed() -> None:
        with tracker:
            observed_step()

    watched = measure(observed, mark_operators=False)
    return Row(
        name=name,
        at_ends=marked.peak_at_operator_ends,
        tracked=footprint.peak.total - footprint.start.total,
        end_error=footprint.end.total - footprint.start.total - marked.end,
        inside=bare.peak,
        tracked_inside=inside.peak.total - inside.start.total,
        observer=watched.peak / bare.peak,
        torchs=_torchs(name, marked.peak_at_operator_ends),
    )


def _torchs(name: str, at_ends: int) -> str:
    from torch.distributed._tools.mem_tracker import MemTracker as TorchMemTracker  # noqa: PLC0415 - a second to import

    step = _fresh(name)
    held = [cell.cell_contents for cell in step.__closure__ or ()]
    tracker = TorchMemTracker()
    tracker.track_external(*[each for each in held if isinstance(each, torch.nn.Module | torch.optim.Optimizer)])
    tracker.track_external(*[each for each in held if isinstance(each, torch.Tensor)])
    before = sum(int(device["Total"]) for device in tracker.get_tracker_snapshot().values())
    try:
        with tracker:
            step()
    except Exception as error:  # noqa: BLE001 - that it fails, and how, is the finding
        return type(error).__name__
    peak = sum(int(device["Total"]) for device in tracker.get_tracker_snapshot("peak").values())
    return f"{(peak - before) / at_ends:.4f}"


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows = []
    for name in WORKLOADS:
        rows.append(_row(name))
        print(*rows[-1].cells(), sep="  ", flush=True)
    table = tabulate([row.cells() for row in rows], HEADERS, tablefmt="github", disable_numparse=True)
    text = INTRODUCTION.format(torch=torch.__version__, python=platform.python_version()) + table + "\n" + NOTES
    (ROOT / "docs" / "accuracy.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
