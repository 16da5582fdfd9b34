"""`pytest-footprint show`: what a file holds, as tables."""

from __future__ import annotations

import argparse
from fnmatch import fnmatchcase
from pathlib import Path

from pytest_footprint.cli.command import Command, CommandError
from pytest_footprint.cli.files import run_at, text_of

_NAMES = 5
"""Tests that a message names."""

_ABOUT = """\
FILE is a run, as pytest --mem-json wrote it, or a baseline, as pytest --mem-baseline-update wrote it.

    pytest-footprint show run.json                          a row for each footprint
    pytest-footprint show run.json --test "*::test_step*"   all tables of these tests
    pytest-footprint show __footprints__/test_gpt/test_step.cpu.toml
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a run (.json) or a baseline (.toml)")
    parser.add_argument(
        "--test",
        metavar="PATTERN",
        help="of a run: all tables of the tests whose node id matches; * stands for anything",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show every row in full")


def _run(options: argparse.Namespace) -> int:
    if options.file.suffix == ".toml":
        if options.test is not None:
            msg = f"{options.file} is a baseline of one test: --test is for a run"
            raise CommandError(msg)
        text = _baseline(options.file, verbose=options.verbose)
    else:
        text = _of_run(options.file, options.test, verbose=options.verbose)
    print(text)  # noqa: T201 - the answer of a command
    return 0


def _baseline(path: Path, *, verbose: bool) -> str:
    from pytest_footprint.baseline import BaselineError, decode  # noqa: PLC0415 - loads when it is wanted
    from pytest_footprint.report import value_text  # noqa: PLC0415 - the same

    text = text_of(path)
    try:
        return value_text(decode(text, where=str(path)), verbose=verbose)
    except BaselineError as problem:
        raise CommandError(str(problem)) from None


def _of_run(path: Path, pattern: str | None, *, verbose: bool) -> str:
    from pytest_footprint.report import footprints_text, run_table  # noqa: PLC0415 - loads when it is wanted

    run = run_at(path)
    if pattern is None:
        return run_table(run, verbose=verbose)
    tracked = [test for test in run.tests if test.footprints]
    # Brackets mean something to fnmatch, so a node id is also taken as it is.
    found = [test for test in tracked if test.test == pattern or fnmatchcase(test.test, pattern)]
    if not found:
        names = [test.test for test in tracked[:_NAMES]] + (["..."] if len(tracked) > _NAMES else [])
        msg = f"no test with footprints in {path} matches {pattern!r}; there are {', '.join(names) or 'none'}"
        raise CommandError(msg)
    return footprints_text(found, verbose=verbose)


COMMAND = Command("show", "print what a run or a baseline holds, as tables", _add_arguments, _run, _ABOUT)
