"""`docs/performance.md`."""

from __future__ import annotations

from pathlib import Path

import pyperf
import torch

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
"""


def write_page(table: str) -> None:
    """Put the table between what explains it."""
    metadata = pyperf.Run([1.0]).get_metadata()
    text = INTRODUCTION.format(
        machine=metadata.get("cpu_model_name", metadata.get("platform", "an unknown machine")),
        python=metadata["python_version"].split()[0],
        torch=torch.__version__,
    )
    PAGE.write_text(text + table + "\n" + NOTES, "utf-8")
