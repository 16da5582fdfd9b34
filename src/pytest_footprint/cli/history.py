"""`pytest-footprint history`: since when does a test take that much?"""

from __future__ import annotations

import argparse
import subprocess
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from shutil import which

from pytest_footprint.cli.command import Command, CommandError
from pytest_footprint.cli.files import run_and_text_at

_ABOUT = """\
    pytest --mem-json run.json
    pytest-footprint history add run.json
    pytest-footprint history show
    pytest-footprint history show --test "*::test_step*" -v

Many may add to one file at once.
"""
_NAMES = 5
"""Tests that a message names."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    add = actions.add_parser("add", help="store the peaks of a run", description="Store the peaks of a run.")
    add.add_argument("run", type=Path, metavar="RUN", help="as pytest --mem-json wrote it")
    add.add_argument("--commit", help="what it ran on (default: what git rev-parse HEAD says here)")
    add.add_argument(
        "--time", type=_time, help="ISO 8601; the order in which commits are shown (default: when the run started)"
    )
    show = actions.add_parser(
        "show",
        help="the commits since which peaks are what they are",
        description="Print, for each footprint whose peak ever changed, the commits since which it is what it is.",
    )
    show.add_argument(
        "--test",
        metavar="PATTERN",
        help="only tests whose node id matches, those that never changed too; * is anything",
    )
    show.add_argument("-v", "--verbose", action="store_true", help="show every change, and commits in full")
    show.add_argument(
        "--format",
        choices=("text", "html"),
        default="text",
        help="text for a terminal (default), or html for a page with every peak over the commits",
    )
    for action, run in ((add, _add), (show, _show)):
        action.add_argument(
            "--db",
            type=Path,
            default=Path("footprints.sqlite"),
            metavar="FILE",
            help="SQLite file (default: footprints.sqlite)",
        )
        action.set_defaults(action=run)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        msg = f"{text!r} is not a time; write ISO 8601, such as 2026-11-24T12:00:00+00:00"
        raise argparse.ArgumentTypeError(msg) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _run(options: argparse.Namespace) -> int:
    from pytest_footprint.history.database import HistoryError  # noqa: PLC0415 - loads when it is wanted

    try:
        status: int = options.action(options)
    except HistoryError as problem:
        raise CommandError(str(problem)) from None
    return status


def _add(options: argparse.Namespace) -> int:
    from pytest_footprint.history.database import History  # noqa: PLC0415 - loads when it is wanted

    run, text = run_and_text_at(options.run)
    commit = options.commit or _head()
    time = options.time or _time(run.times.started or "1970-01-01")
    new = History(options.db).add(run, text, commit=commit, time=_utc(time))
    count = sum(len(test.footprints) for test in run.tests)
    if new:
        print(f"added {count} footprint{'s' * (count != 1)} of commit {commit} to {options.db}")  # noqa: T201
    else:
        print(f"{options.run} of commit {commit} is in {options.db} already: nothing changed")  # noqa: T201
    return 0


def _head() -> str:
    """The commit that is checked out here."""
    git = which("git")
    said = "there is no git"
    if git is not None:
        done = subprocess.run(  # noqa: S603 - nothing in it comes from outside
            [git, "rev-parse", "--verify", "HEAD"], check=False, capture_output=True, text=True
        )
        if done.returncode == 0:
            return done.stdout.strip()
        said = "git knows no commit here"
    msg = f"which commit did this run on? {said}, so give --commit"
    raise CommandError(msg)


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")


def _show(options: argparse.Namespace) -> int:
    from pytest_footprint.history.database import History  # noqa: PLC0415 - loads when it is wanted
    from pytest_footprint.report import history_text  # noqa: PLC0415 - the same

    history, pattern = History(options.db), options.test
    found = history.peaks()
    if pattern is not None:
        known = list(dict.fromkeys(each.test for each in found))
        found = [each for each in found if each.test == pattern or fnmatchcase(each.test, pattern)]
        if not found:
            names = known[:_NAMES] + (["..."] if len(known) > _NAMES else [])
            msg = f"no test in {options.db} matches {pattern!r}; there are {', '.join(names) or 'none'}"
            raise CommandError(msg)
    runs, every = history.runs(), pattern is not None
    if options.format == "html":
        from pytest_footprint.report.page import history_page  # noqa: PLC0415 - loads when it is wanted

        print(history_page(found, runs=runs, every=every))  # noqa: T201 - the answer of a command
    else:
        print(history_text(found, runs=runs, every=every, verbose=options.verbose))  # noqa: T201 - the same
    return 0


COMMAND = Command(
    "history", "keep the peaks of many runs, and say since when they are so", _add_arguments, _run, _ABOUT
)
