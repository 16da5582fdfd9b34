"""`pytest-footprint compare`: two runs, and whether a build may go on."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_footprint.cli.command import Command
from pytest_footprint.cli.files import run_at
from pytest_footprint.model.gate import GATE_FORMS, Gate

_ABOUT = """\
Exit status: 0, or 1 when a gate of --fail-on does not hold, or 2 for bad input.

    pytest --mem-json base.json     on the target branch
    pytest --mem-json head.json     on the pull request
    pytest-footprint compare base.json head.json --fail-on "peak:5%" --fail-on "saved:0"
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("base", type=Path, metavar="BASE", help="the earlier run, as pytest --mem-json wrote it")
    parser.add_argument("head", type=Path, metavar="HEAD", help="the run to judge")
    parser.add_argument(
        "--format",
        choices=("text", "md", "json", "html"),
        default="text",
        help="text for a terminal (default), md for a comment on a pull request, json for programs,"
        " html for a page of its own",
    )
    parser.add_argument(
        "--fail-on",
        action="append",
        default=[],
        type=_gate,
        metavar="GATE",
        help=f"what must not happen: {GATE_FORMS}; may be given several times".replace("%", "%%"),
    )
    parser.add_argument(
        "--sort", choices=("change", "name"), default="change", help="largest change first (default), or by name"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show every row and all tables; for text")


def _gate(text: str) -> Gate:
    try:
        return Gate.parse(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _run(options: argparse.Namespace) -> int:
    from pytest_footprint.comparison.gates import gate_failures  # noqa: PLC0415 - loads when it is wanted
    from pytest_footprint.comparison.runs import compare_runs  # noqa: PLC0415 - the same

    comparison = compare_runs(run_at(options.base), run_at(options.head))
    gates: list[Gate] = options.fail_on
    failures = gate_failures(comparison, gates)
    from pytest_footprint import report  # noqa: PLC0415 - the same

    match options.format:
        case "md":
            text = report.run_comparison_markdown(comparison, gates=gates, failures=failures, sort=options.sort)
        case "json":
            text = report.run_comparison_json(comparison, gates=gates, failures=failures, sort=options.sort)
        case "html":
            from pytest_footprint.report.page import run_comparison_page  # noqa: PLC0415 - the same

            text = run_comparison_page(comparison, gates=gates, failures=failures, sort=options.sort)
        case _:
            text = report.run_comparison_text(
                comparison, gates=gates, failures=failures, sort=options.sort, verbose=options.verbose
            )
    print(text.rstrip("\n"))  # noqa: T201 - the answer of a command
    return 1 if failures else 0


COMMAND = Command(
    "compare", "say what differs between two runs, and fail where it may not", _add_arguments, _run, _ABOUT
)
