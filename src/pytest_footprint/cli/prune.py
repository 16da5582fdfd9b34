"""`pytest-footprint prune`: deletes baselines whose test file is gone."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_footprint.cli.command import Command, CommandError

_ABOUT = """\
Lists the baselines whose test file does not exist any more, those of all devices; with --delete, deletes them too.
After renaming a test file, rename its folder in __footprints__ instead. What tests that still have a file no longer ask
for is deleted by a complete run: pytest --mem-baseline-prune
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    from pytest_footprint.cli.baselines import PATHS_HELP  # noqa: PLC0415 - loads when it is wanted

    parser.add_argument("paths", nargs="*", type=Path, default=[Path()], metavar="PATH", help=PATHS_HELP)
    parser.add_argument("--delete", "--yes", action="store_true", help="delete them; without it they are only listed")


def _run(options: argparse.Namespace) -> int:
    from pytest_footprint.baseline import BaselineDeleteError, delete  # noqa: PLC0415 - loads when it is wanted
    from pytest_footprint.cli.baselines import stored_at, without_test_file  # noqa: PLC0415 - the same
    from pytest_footprint.report.stale import without_tests  # noqa: PLC0415 - the same

    orphans = without_test_file(stored_at(options.paths))
    if options.delete:
        try:
            delete(orphans)
        except BaselineDeleteError as problem:
            raise CommandError(str(problem)) from None
    print(without_tests([str(path) for path in orphans], deleted=options.delete))  # noqa: T201 - a command's answer
    return 0


COMMAND = Command("prune", "delete stored baselines whose test file is gone", _add_arguments, _run, _ABOUT)
