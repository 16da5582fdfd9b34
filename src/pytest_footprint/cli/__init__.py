"""The `pytest-footprint` command: a file for each sub-command, named in `COMMANDS`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from pytest_footprint.cli.command import Command, CommandError

COMMANDS = (
    "show",
    "replay",
    "compare",
    "history",
    "check",
    "prune",
)
"""Modules of this package, in the order in which help lists them; each holds its `Command` as ``COMMAND``."""

_BAD_INPUT = 2

_ABOUT = """\
Tensor memory and module structure of PyTorch code, as testable as return values.

Measuring happens inside pytest; in a test file write

    def test_step(mem_tracker, mem_baseline):
        footprint = mem_tracker.run(train_step, model, batch)
        assert footprint == mem_baseline

and run

    pytest --mem-baseline-update   store what is measured now
    pytest                         fail where memory differs from what is stored
    pytest --mem-all --mem-report  a table of every test that touches torch
    pytest --mem-json run.json     the whole run, for the commands below
    pytest --mem-trace traces      what happened in each test, event by event, for `replay`
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status: 0, or 1 when the answer is no, or 2 for bad input."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "command"):
        parser.print_help(sys.stderr)
        return _BAD_INPUT
    command: Command = options.command
    try:
        status = command.run(options)
        sys.stdout.flush()
    except CommandError as problem:
        print(f"pytest-footprint {command.name}: {problem}", file=sys.stderr)  # noqa: T201 - a command's own voice
        return _BAD_INPUT
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="pytest-footprint", description=_ABOUT, formatter_class=raw)
    parser.add_argument("--version", action="version", version=f"pytest-footprint {version('pytest-footprint')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for module in COMMANDS:
        command: Command = import_module(f"{__name__}.{module}").COMMAND
        about = "\n\n".join(filter(None, [command.summary, command.about]))
        own = commands.add_parser(command.name, help=command.summary, description=about, formatter_class=raw)
        command.add_arguments(own)
        own.set_defaults(command=command)
    return parser
