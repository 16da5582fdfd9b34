"""Whole sessions of pytest with the plugin, and the same sessions without."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from figure import Figure
from rounds import Rounds, in_turn

TRACKED, UNUSED, FILES = 2_000, 10_000, 100
WITHOUT = ("-p", "no:footprint")
NEITHER = ("-p", "no:footprint", "-p", "no:syrupy")

_STEP = """
import pytest, torch
from torch import nn

def step():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    model(torch.ones(2, 4)).sum().backward()
"""
_TRACKED_TEST = '\n@pytest.mark.max_peak_memory("1MiB")\ndef test_{}():\n    step()\n'
_UNUSED_TEST = "\ndef test_{}():\n    pass\n"


def write_suite(folder: Path, head: str, test: str, tests: int) -> None:
    """Files of equally many tests."""
    for file in range(FILES):
        body = "".join(test.format(number) for number in range(tests // FILES))
        (folder / f"test_{file}.py").write_text(head + body, "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = max_peak_memory: so that it is known without us\n", "utf-8")


def session(folder: Path, *options: str) -> float:
    """CPU seconds of a whole session, its workers included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", *options]
    # With bytecode, as everybody has it who does not ask for the contrary.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    quiet = environment | {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    subprocess.run(command, cwd=folder, env=quiet, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _rounds(folder: str, rounds: int, **sides: tuple[str, ...]) -> Rounds:
    sessions: dict[str, Callable[[], float]] = {
        name: partial(session, Path(folder), *options) for name, options in sides.items()
    }
    return in_turn(sessions, rounds)


def tracked_suite(rounds: int) -> Iterator[Figure]:
    """Rows of the table: small tests with a limit each."""
    with tempfile.TemporaryDirectory() as folder:
        write_suite(Path(folder), _STEP, _TRACKED_TEST, TRACKED)
        for options in ((), ("-n", "2")):
            found = _rounds(folder, max(3, rounds // 5), ours=options, bare=(*WITHOUT, *options))
            shown = " ".join(options) or "one process"
            yield Figure(
                f"plugin time per test, a suite of 2,000 small tracked tests, {shown}",
                found.median("ours", "bare") / TRACKED * 1e3,
                found.least("ours", "bare") / TRACKED * 1e3,
                "ms",
                3,
                1,
                samples={f"{key}, {shown}": taken for key, taken in found.taken.items()},
            )


def unused_suite(rounds: int) -> Iterator[Figure]:
    """Row of the table: tests that use nothing of ours."""
    with tempfile.TemporaryDirectory() as folder:
        write_suite(Path(folder), "", _UNUSED_TEST, UNUSED)
        found = _rounds(folder, max(5, rounds), ours=(), bare=WITHOUT, neither=NEITHER)
    yield Figure(
        "added to a session of 10,000 tests that use nothing",
        found.median("ours", "bare") * 1e3,
        found.least("ours", "bare") * 1e3,
        "ms",
        40 + 5e-3 * UNUSED,
        samples=found.taken,
    )
    yield Figure(
        "of such a session, what syrupy adds, which we bring along",
        found.median("bare", "neither") * 1e3,
        found.least("bare", "neither") * 1e3,
        "ms",
    )
