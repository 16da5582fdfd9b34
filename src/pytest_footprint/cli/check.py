"""`pytest-footprint check`: whether stored baselines can be used, as far as that can be said without running tests."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_footprint.cli.command import Command

_ABOUT = """\
Each baseline must be readable by this version, and the test file that it belongs to must be there. Whether a test still
asks for it only a run can say: pytest names those that none asked for.
Exit status: 0 when all is well, 1 when something is listed, 2 for a path that does not exist.
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    from pytest_footprint.cli.baselines import PATHS_HELP  # noqa: PLC0415 - loads when it is wanted

    parser.add_argument("paths", nargs="*", type=Path, default=[Path()], metavar="PATH", help=PATHS_HELP)


def _run(options: argparse.Namespace) -> int:
    from pytest_footprint.baseline import BaselineFormatError, read  # noqa: PLC0415 - loads when it is wanted
    from pytest_footprint.cli.baselines import stored_at, without_test_file  # noqa: PLC0415 - the same
    from pytest_footprint.report.stale import checked  # noqa: PLC0415 - the same

    stored = stored_at(options.paths)
    problems = []
    for path in stored:
        try:
            read(path)
        except BaselineFormatError as problem:
            problems.append(str(problem))
        except OSError as problem:
            problems.append(f"{path}: {problem.strerror}")
    orphans = [str(path) for path in without_test_file(stored)]
    print(checked(len(stored), problems, orphans))  # noqa: T201 - the answer of a command
    return 1 if problems or orphans else 0


COMMAND = Command("check", "say which stored baselines cannot be used", _add_arguments, _run, _ABOUT)
