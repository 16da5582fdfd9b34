"""torch's own samples run as they do without a tracker, and are counted to the byte; the page lists what is not."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pytest
from database_sweep import FIRST, PAGE, REASONS, defects, listed_of_first, look_in_processes

pytest.importorskip("expecttest", reason="torch's databases need it")


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    result = look_in_processes(FIRST)
    assert result["samples"] > 1500
    rows: dict[str, Any] = result["found"]
    return rows


def test_every_sample_is_exact_or_its_difference_has_a_reason(found: dict[str, Any]) -> None:
    assert defects(found) == []


def test_the_page_lists_exactly_what_differs(found: dict[str, Any]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    if f"torch {version('torch').partition('+')[0]}." not in text:
        pytest.skip("the page was written with another torch")

    differs = {name: sum(len(numbers) for numbers in row["numbers"].values()) for name, row in found.items()}

    assert differs == listed_of_first(text)


def test_the_page_gives_a_reason_for_each_row() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "_db/" in line]

    assert rows
    assert all(any(f"| {finding} |" in row for finding in REASONS) for row in rows)
