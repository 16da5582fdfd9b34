"""What it costs to follow modules, with and without hooks of the user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from figure import Figure
from models import batch, model_of
from rounds import in_turn
from steps import second_step

from pytest_footprint.tracking import ModTracker

MODULES = 321


def _hook(*_: object) -> None:
    """Do nothing, as the hooks whose overhead is measured."""


def _torchs_tracker() -> AbstractContextManager[object]:
    from torch.distributed._tools.mod_tracker import ModTracker as TorchModTracker  # noqa: PLC0415 - slow to import

    tracker: Any = TorchModTracker()
    return tracker  # type: ignore[no-any-return]


def _hooked(make: Callable[[], Any]) -> AbstractContextManager[object]:
    tracker = make()
    tracker.register_user_hooks(_hook, _hook, _hook, _hook)
    return tracker  # type: ignore[no-any-return]


def module_hooks(rounds: int) -> Iterator[Figure]:
    """Rows of the table: a module's forward and backward under ModTracker."""
    torch.manual_seed(0)
    model, x = model_of(MODULES), batch()

    def step() -> None:
        model(x).sum().backward()
        model.zero_grad()

    contexts: dict[str, Callable[[], AbstractContextManager[object]]] = {
        "no tracker": nullcontext,
        "ModTracker": ModTracker,
        "torch's ModTracker": _torchs_tracker,
        "ModTracker with hooks": lambda: _hooked(ModTracker),
        "torch's ModTracker with hooks": lambda: _hooked(_torchs_tracker),
    }
    found = in_turn({name: partial(second_step, make, step) for name, make in contexts.items()}, rounds)
    torchs = found.median("torch's ModTracker", "no tracker") / MODULES * 1e6
    yield Figure(
        "ModTracker without user hooks, forward and backward, over no tracker, a module",
        found.median("ModTracker", "no tracker") / MODULES * 1e6,
        found.least("ModTracker", "no tracker") / MODULES * 1e6,
        "us",
        12,
        5,
        f"{torchs:.0f} us",
        found.taken,
    )
    ratio = found.ratio("ModTracker with hooks", "torch's ModTracker with hooks", less="no tracker")
    hooked = found.median("torch's ModTracker with hooks", "no tracker") / MODULES * 1e6
    yield Figure("overhead with all four user hooks, ours / torch's", *ratio, "", 0.5, 0.25, f"1 ({hooked:.0f} us)")
