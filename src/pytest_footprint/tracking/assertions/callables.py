"""What can be called and measured, and what to say of the rest."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from pytest_footprint.model.counts import check_count


def check_run(fn: Callable[..., object], steps: int, warmup: int) -> None:
    """Refuse what `MemTracker.run` cannot run.

    Raises:
        ValueError: ``steps`` is below 1 or ``warmup`` below 0.
        TypeError: one of them is no whole number, or ``fn`` is not callable, or a function of coroutines or generators.
    """
    check_count("run()", "steps", steps, least=1)
    check_warmup("run", warmup)
    if not callable(fn):
        msg = f"run() needs a function, got {type(fn).__name__}: pass `train_step, model`, not `train_step(model)`"
        raise TypeError(msg)
    if inspect.iscoroutinefunction(fn):
        msg = f"run() cannot await {fn!r}: record with `with tracker.step(): await ...`"
        raise TypeError(msg)
    _refuse_generator("fn", fn)


def check_warmup(name: str, warmup: int) -> None:
    """Refuse, before anything runs, a number of calls that cannot be.

    Args:
        name: the method that it was given to.
        warmup: calls that come first and do not count.

    Raises:
        ValueError: it is below 0.
        TypeError: it is no whole number.
    """
    check_count(f"{name}()", "warmup", warmup, least=0)


def check_callable(name: str, fn: object) -> None:
    """Say early, and by name, what cannot be measured.

    Raises:
        TypeError: ``fn`` is not callable, or a function of coroutines or generators.
    """
    if not callable(fn):
        msg = f"{name} must be a function, got {type(fn).__name__}: pass {name}=lambda: train_step(model)"
        raise TypeError(msg)
    if inspect.iscoroutinefunction(fn):
        msg = f"{name} cannot be awaited: pass a function, {name}=lambda: asyncio.run(...)"
        raise TypeError(msg)
    _refuse_generator(name, fn)


def _refuse_generator(name: str, fn: object) -> None:
    if inspect.isgeneratorfunction(fn):
        msg = f"{name} is a generator function, which runs nothing when it is called: pass {name}=lambda: list(...)"
        raise TypeError(msg)
