"""Measure what tracking costs, print the table, and write it to docs/performance.md.

python benchmarks/performance                           # all of it, half an hour on a machine of its own
python benchmarks/performance --only reading            # these rows alone; writes nothing
python benchmarks/performance --only reading --update   # and puts them into the page
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pyperf
import torch
from baselines import baselines
from figure import HEADERS, Figure
from held import held
from hooks import module_hooks
from page import write_page
from reading import reading
from sharded import sharded
from steps import adamw, steps
from suites import tracked_suite, unused_suite
from tabulate import tabulate

ROWS = {
    "steps": steps,
    "adamw": adamw,
    "hooks": module_hooks,
    "held": held,
    "reading": reading,
    "sharded": sharded,
    "baselines": baselines,
    "tracked-suite": tracked_suite,
    "unused-suite": unused_suite,
}


def write_samples(figures: list[Figure], path: Path) -> None:
    """Every single time, for ``pyperf compare_to`` and ``pyperf hist``."""
    benchmarks = [
        pyperf.Benchmark([pyperf.Run([max(each, 1e-9) for each in taken], metadata={"name": name, "unit": "second"})])
        for figure in figures
        for name, taken in figure.samples.items()
    ]
    pyperf.BenchmarkSuite(benchmarks).dump(str(path), replace=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=ROWS, help="measure this alone; may be given several times")
    parser.add_argument("--update", action="store_true", help="with --only: put these rows into the page")
    parser.add_argument("--rounds", type=int, default=15, help="how often each contestant has its turn (default: 15)")
    parser.add_argument("--samples", type=Path, help="write every single time here, as pyperf's JSON")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    figures: list[Figure] = []
    for row in chosen.only or ROWS:
        for figure in ROWS[row](chosen.rounds):
            figures.append(figure)
            print("  ".join(figure.cells()), flush=True)
    table = tabulate([figure.cells() for figure in figures], HEADERS, tablefmt="github", disable_numparse=True)
    print(f"\n{table}")
    if chosen.samples:
        write_samples(figures, chosen.samples)
    if chosen.update or not chosen.only:
        write_page(figures, others_stay=bool(chosen.only))


if __name__ == "__main__":
    main()
