from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

PAGE = Path(__file__).parents[2] / "docs" / "distributed.md"


def blocks(language: str) -> list[str]:
    section = PAGE.read_text("utf-8").partition("## A world without a cluster\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


def test_a_world_without_a_cluster_runs_as_shown(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_page="\n\n".join(blocks("python")))
    pytester.runpytest("-p", "no:asyncio", "--mem-baseline-update").assert_outcomes(passed=6)

    held = pytester.runpytest("-p", "no:asyncio")

    held.assert_outcomes(passed=6)
    shown = [line for block in blocks("text") for line in block.splitlines()]
    assert shown
    assert [line for line in shown if line not in held.outlines] == []
