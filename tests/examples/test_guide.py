from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"


def test_the_examples_of_the_guide_run(pytester: pytest.Pytester) -> None:
    examples = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    pytester.makepyfile(test_guide="\n\n".join(examples))
    written = pytester.runpytest("-p", "no:asyncio", "--mem-baseline-update")

    held = pytester.runpytest("-p", "no:asyncio")

    count = sum(example.count("def test_") for example in examples)
    written.assert_outcomes(passed=count)
    held.assert_outcomes(passed=count)
