"""`docs/performance.md`."""

from __future__ import annotations

from pathlib import Path

import pyperf
import torch
from figure import HEADERS, Figure
from tabulate import tabulate

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"

INTRODUCTION = """# Performance

Written by `python benchmarks/performance` on {machine}, Python {python}, torch {torch}, one thread. Less is better
everywhere.

"""

NOTES = """
- **How it is measured**: in one process and in turn (A B A B ...), so that whatever slows the machine down slows all;
  CPU time, so that what else runs does not count; tensors of 4 x 8, so that overhead is all there is. *ours, median* is
  the median over the rounds of the ratio or difference within each round, *of minima* that of the shortest times. The
  garbage collector stays on; what was alive before is frozen for all.
- **step**: forward, backward, `optimizer.step()` and `zero_grad()` of blocks of five modules (norm, linear, gelu,
  linear, addition), SGD in its foreach form unless said otherwise; the second step within the context. An empty mode is
  a `TorchDispatchMode` that hands every operator on: the least that any tracker written in Python costs.
- **bytes held per recorded operator**: what lines of this package have allocated and still hold after 50 steps, by
  `tracemalloc`, divided by the operators that ran.
- **reading**: a loop of AdamW steps of 161 modules, with `step()` around each, or without.
- **mem_baseline compare**: read the file, compare, decide.
- **suites**: CPU time of whole sessions, workers included, with the plugin less those with `-p no:footprint`. The small
  tracked test makes three modules, runs them forward and backward, and has a limit.

## Growth

![What an operator costs as the model grows, and as the recording grows](growth.svg)

`python benchmarks/performance/growth.py` draws it. On the left what each tracker adds to an operator over no tracker at
all, on the right what a step costs under `MemTracker()`, and reading it, per operator. Flat is good: the trackers of
this package look at what an operator made, torch's `MemTracker` at every module of the model.
"""


def write_page(figures: list[Figure], *, others_stay: bool = False) -> None:
    """Write these rows between what explains them; with ``others_stay`` the other rows of the page are kept."""
    metadata = pyperf.Run([1.0]).get_metadata()
    introduction = INTRODUCTION.format(
        machine=metadata.get("cpu_model_name", metadata.get("platform", "an unknown machine")),
        python=metadata["python_version"].split()[0],
        torch=torch.__version__,
    )
    rows = _rows() if others_stay else {}
    rows.update((figure.name, figure.cells()) for figure in figures)
    table = tabulate(rows.values(), HEADERS, tablefmt="github", disable_numparse=True)
    PAGE.write_text(f"{introduction}{table}\n{NOTES}", "utf-8")


def _rows() -> dict[str, list[str]]:
    """The rows that the page has, by their names."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
    return {row[0]: row for row in cells}
