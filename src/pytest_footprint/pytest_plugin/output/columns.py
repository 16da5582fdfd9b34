"""The columns that conftest files and other plugins add to ``--mem-report``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_footprint.model.footprint import Footprint

_HOOK = "pytest_footprint_report_columns"


def columns_of(item: pytest.Item, footprint: Footprint) -> dict[str, str]:
    """Header -> cell, as all implementations of the hook together have it.

    Called while the test runs: what an implementation raises fails the test, and where reports are made it would end
    the session.
    """
    hook = item.ihook.pytest_footprint_report_columns
    try:
        rows = hook(item=item, footprint=footprint)
        for row in rows:
            if not isinstance(row, Mapping):
                names = ", ".join(each.plugin_name for each in hook.get_hookimpls())
                what = f"{row!r}, a {type(row).__name__}, and not a dict of header -> cell"
                msg = f"{_HOOK} returned {what}; it is in {names}"
                pytest.fail(msg, pytrace=False)
        return {str(header): str(cell) for row in reversed(rows) for header, cell in row.items()}
    except Exception as problem:
        __tracebackhide__ = True
        names = ", ".join(each.plugin_name for each in hook.get_hookimpls())
        problem.add_note(f"raised for {_HOOK}; it is in {names}")
        raise
