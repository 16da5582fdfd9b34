"""`pytest-footprint replay`: the footprints of a trace, read again from its events."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_footprint.cli.command import Command, CommandError
from pytest_footprint.cli.files import bytes_of

if TYPE_CHECKING:
    from pytest_footprint.model.run import Run, TakenFootprint
    from pytest_footprint.trace.recorded import Recorded

_NAMES = 8
"""Footprints that a message names."""

_ABOUT = """\
TRACE is what pytest --mem-trace wrote of one test. Nothing runs, and torch need not be installed.

    pytest --mem-trace traces
    pytest-footprint replay traces/test_gpt/test_step.trace
    pytest-footprint replay traces/test_gpt/test_step.trace --footprint run
    pytest-footprint replay traces/test_gpt/test_step.trace --json > step.json    for show and compare
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("trace", type=Path, metavar="TRACE", help="as pytest --mem-trace wrote it")
    parser.add_argument(
        "--footprint", metavar="NAME", help="show this one of the footprints that were taken (default: the whole test)"
    )
    parser.add_argument("--json", action="store_true", help="print the footprints as --mem-json writes them")
    parser.add_argument("-v", "--verbose", action="store_true", help="show every row in full")


def _run(options: argparse.Namespace) -> int:
    recorded = _recorded_at(options.trace)
    chosen = _chosen(options, recorded)
    from pytest_footprint.model.run import TakenFootprint  # noqa: PLC0415 - loads when it is wanted

    taken = [TakenFootprint(take.name, take.footprint(recorded.trace)) for take in recorded.takes]
    if options.json:
        from pytest_footprint.model.run_json import run_text  # noqa: PLC0415 - the same

        only = [each for each in taken if options.footprint in {None, each.name}]
        print(run_text(_as_run(options.trace, recorded, only)), end="")  # noqa: T201 - the answer of a command
        return 0
    from pytest_footprint.report import replay_text  # noqa: PLC0415 - the same

    print(replay_text(taken, chosen, _head(recorded), verbose=options.verbose))  # noqa: T201 - the same
    return 0


def _recorded_at(path: Path) -> Recorded:
    from pytest_footprint.trace.file import TraceFileError, from_bytes  # noqa: PLC0415 - loads when it is wanted

    try:
        return from_bytes(bytes_of(path))
    except TraceFileError as problem:
        msg = f"{path}: {problem}"
    except CommandError as problem:
        msg = f"{problem}; pytest --mem-trace DIR writes traces"
    raise CommandError(msg)


def _chosen(options: argparse.Namespace, recorded: Recorded) -> str:
    names = [take.name for take in recorded.takes]
    if not names:
        msg = f"{options.trace}: no footprint was taken from it"
        raise CommandError(msg)
    chosen: str = options.footprint or names[0]
    if chosen not in names:
        told = names[:_NAMES] + (["..."] if len(names) > _NAMES else [])
        msg = f"{options.trace}: no footprint is called {chosen!r}; there are {', '.join(told)}"
        raise CommandError(msg)
    return chosen


def _head(recorded: Recorded) -> str:
    environment = recorded.takes[0].environment
    where = ", ".join(f"{name} {environment[name]}" for name in ("torch", "python") if name in environment)
    run = (recorded.about or {}).get("run", "1")
    said = [
        recorded.test or "a recording",
        f"run {run}" if run != "1" else "",
        recorded.outcome,
        f"{len(recorded.trace.events):,} events",
    ]
    return f"{', '.join(filter(None, said))}; {', '.join(filter(None, [where, environment.get('device', '')]))}"


def _as_run(path: Path, recorded: Recorded, taken: Iterable[TakenFootprint]) -> Run:
    from pytest_footprint.model.run import Environment, Outcome, RecordedTest, Run  # noqa: PLC0415 - loads when wanted

    about, environment = recorded.about or {}, recorded.takes[0].environment
    try:
        outcome = Outcome(recorded.outcome or Outcome.PASSED)
    except ValueError as problem:
        msg = f"{path}: {problem}"
        raise CommandError(msg) from None
    return Run(
        Environment(
            python=environment.get("python", ""),
            pytest=about.get("pytest", ""),
            torch=environment.get("torch", ""),
            platform=about.get("platform", ""),
            plugins={},
            devices=tuple(sorted({take.environment["device"] for take in recorded.takes})),
        ),
        (RecordedTest(recorded.test, outcome, tuple(taken)),),
    )


COMMAND = Command("replay", "print what a trace tells, footprint by footprint", _add_arguments, _run, _ABOUT)
