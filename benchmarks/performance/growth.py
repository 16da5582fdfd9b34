"""How the cost of an operator grows with the model and with the length of the recording, as docs/growth.svg.

python benchmarks/performance/growth.py
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch
from matplotlib import pyplot as plt
from matplotlib.ticker import LogLocator
from models import model_of, training_step
from rounds import cpu_seconds
from steps import EMPTY, LINES, OURS, TORCHS, EmptyMode, operators_in, second_step, torchs_mem_tracker
from torch.optim import SGD

from pytest_footprint.trace.reading import Reading
from pytest_footprint.trace.window import everything
from pytest_footprint.tracking import MemTracker

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "growth.svg"
MODULES = (21, 81, 321, 1281, 2561, 5121, 10_001)
TORCHS_MODULES = (21, 81, 321)
OPERATORS = (1_000, 10_000, 100_000, 1_000_000)
ROUNDS = 3
LOOKS = {EMPTY: "o:C7", OURS: "s-C0", LINES: "^-C2", TORCHS: "x--C3"}

Curve = tuple[list[int], list[float]]


def by_modules(name: str, enter: Callable[..., AbstractContextManager[object]], sizes: Iterable[int]) -> Curve:
    """Microseconds that an operator takes longer than without anything, for models of these sizes."""
    curve: Curve = ([], [])
    for modules in sizes:
        torch.manual_seed(0)
        model = model_of(modules)
        optimizer = SGD(model.parameters(), lr=1e-3, foreach=True)
        step = training_step(model, optimizer)
        operators = operators_in(step)
        gc.collect()
        gc.freeze()
        added = []
        for _ in range(1 if name == TORCHS else ROUNDS):
            bare = second_step(nullcontext, step)
            added.append(second_step(lambda model=model, optimizer=optimizer: enter(model, optimizer), step) - bare)  # type: ignore[misc]
        gc.unfreeze()
        curve[0].append(modules)
        curve[1].append(min(added) / operators * 1e6)
        print(name, modules, f"{curve[1][-1]:.1f} us an operator", flush=True)
    return curve


def by_operators() -> tuple[Curve, Curve]:
    """Microseconds to record one operator, and to read it, in recordings of these lengths."""
    torch.manual_seed(0)
    model = model_of(81)
    step = training_step(model, SGD(model.parameters(), lr=1e-3, foreach=True))
    operators = operators_in(step)
    recording: Curve = ([], [])
    reading: Curve = ([], [])
    for wanted in OPERATORS:
        steps = max(1, wanted // operators)
        gc.collect()
        with MemTracker() as tracker:
            step()
            took = cpu_seconds(lambda steps=steps: [step() for _ in range(steps)])  # type: ignore[misc]
        recording[0].append(steps * operators)
        recording[1].append(took / (steps * operators) * 1e6)
        trace = tracker.trace
        took = cpu_seconds(lambda trace=trace: Reading(trace).footprint(everything(trace)))  # type: ignore[misc]
        reading[0].append(steps * operators)
        reading[1].append(took / (steps * operators) * 1e6)
        print(
            f"{steps * operators} operators: {recording[1][-1]:.1f} us to record, {reading[1][-1]:.1f} us to read one"
        )
    return recording, reading


def draw(models: dict[str, Curve], recording: Curve, reading: Curve) -> None:
    """Both growths side by side: flat is good."""
    mpl.rcParams.update(
        {"svg.hashsalt": "growth", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    )
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for name, curve in models.items():
        left.plot(*curve, LOOKS[name], label=name)
    right.plot(*recording, LOOKS[LINES], label="step under MemTracker()")
    right.plot(*reading, "d-C4", label="reading it into a Footprint")
    _label(left, "modules in the model", "added to an operator, µs", "center right")
    _label(right, "operators recorded", "one operator, µs", "upper right")
    left.set_ylim(bottom=4)
    right.set_ylim(1, 100)
    figure.savefig(PICTURE, metadata={"Date": None})


def _label(axes: Any, across: str, up: str, legend: str) -> None:
    axes.set(xscale="log", yscale="log", xlabel=across, ylabel=up)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_minor_formatter("")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc=legend)


def main() -> None:
    torch.set_num_threads(1)
    models = {
        TORCHS: by_modules(TORCHS, torchs_mem_tracker, TORCHS_MODULES),
        LINES: by_modules(LINES, lambda *_: MemTracker(), MODULES),
        OURS: by_modules(OURS, lambda *_: MemTracker(source_lines=False), MODULES),
        EMPTY: by_modules(EMPTY, lambda *_: EmptyMode(), MODULES),
    }
    draw(models, *by_operators())


if __name__ == "__main__":
    main()
