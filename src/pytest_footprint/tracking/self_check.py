"""Tries everything private that the trackers rely on, before a recording begins for the first time."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import torch

from pytest_footprint.tracking import internals
from pytest_footprint.tracking.operators.kinds import KNOWN_BY_NAME, WAITS
from pytest_footprint.tracking.self_check_probes import PROBES, PROFILER_PROBES, Probe


def check(*, inside_ops: bool = False) -> None:
    """Try each private name, and each habit of torch that the trackers build upon.

    Raises:
        UnsupportedTorchError: one is missing or is not what it was; torch is left as it is.
    """
    _check_trackers()
    if inside_ops and not internals.profiler_enabled():  # when somebody else profiles, `InsideOps` says so
        _check_profiler()


@functools.cache  # which keeps no exception: what failed is tried again
def _check_trackers() -> None:
    # In a thread of its own: the caller's modes, gradient mode and backward do not reach there.
    with ThreadPoolExecutor(1, thread_name_prefix="pytest-footprint") as thread:
        problems = thread.submit(_problems, [*internals.NAMES, *_operators()], PROBES).result()
    _raise_for(problems)


@functools.cache
def _check_profiler() -> None:
    # In the caller's thread: the profiler complains of a second one.
    _raise_for(_problems(internals.PROFILER_NAMES, PROFILER_PROBES))


def _operators() -> list[str]:
    known = KNOWN_BY_NAME | ({WAITS} if torch.distributed.is_available() else set())
    return [f"torch.ops.{name.replace('::', '.')}" for name in sorted(known)]


def _raise_for(problems: list[str]) -> None:
    if problems:
        raise internals.unsupported(problems)


def _problems(names: Iterable[str], probes: Mapping[str, Probe]) -> list[str]:
    return [f"{name} is missing" for name in names if not _is_there(name)] or _failures(probes)


def _is_there(name: str) -> bool:
    try:
        internals.found(name)
    except AttributeError:
        return False
    return True


def _failures(probes: Mapping[str, Probe]) -> list[str]:
    problems = []
    for problem, probe in probes.items():
        try:
            if not probe():
                problems.append(problem)
        except Exception as error:  # noqa: BLE001 - whatever a torch of another shape may raise
            problems.append(f"{problem}: {type(error).__name__}: {error}")
    return problems
