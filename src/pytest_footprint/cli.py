"""The `pytest-footprint` command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.metadata import version

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
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="pytest-footprint", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"pytest-footprint {version('pytest-footprint')}")
    parser.parse_args(arguments)
    parser.print_help()
    return 0
