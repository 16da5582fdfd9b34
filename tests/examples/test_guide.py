from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs"
GUIDE, ASSERTIONS = DOCS / "guide.md", DOCS / "assertions.md"

FAILING = """
LOSSES = []


def saves(mem_tracker):
    plain, recomputing, batch = Net(), Net(recompute=True), torch.randn(512, 64)
    mem_tracker.assert_saves(
        off=lambda: step(plain, batch), on=lambda: step(recomputing, batch), at_least="75%"
    )


def released(mem_tracker):
    model = Net(layers=1)

    def train():
        LOSSES.append(model(torch.randn(8, 64)).sum())

    mem_tracker.assert_released(train)


def grows(mem_tracker):
    model, kept = Net(), []
    footprint = mem_tracker.run(lambda batch: kept.append(model(batch).sum()), torch.randn(32, 64), steps=4)
    footprint.assert_no_growth()


def saved(mem_tracker):
    footprint = mem_tracker.run(step, Net(), torch.randn(8, 64))
    footprint.saved.of("layers.1.mlp").assert_only("float32[8, 64]", "float32[8, 256]")


def scaling(mem_tracker):
    def attend(n):
        x = Net(1).layers[0](torch.randn(n, 64))
        (x @ x.T).softmax(-1).sum().backward()

    mem_tracker.scaling(attend, n=[64, 128, 256, 512]).assert_linear(of="saved")


@pytest.mark.parametrize("fails", [saves, released, grows, saved, scaling], ids=lambda fn: fn.__name__)
def test_it(fails, mem_tracker):
    with pytest.raises(AssertionError) as caught:
        fails(mem_tracker)
    print("<<<", str(caught.value), ">>>", sep="\\n")
"""


def _blocks(page: Path, language: str) -> Iterator[str]:
    return iter(re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("page", [GUIDE, ASSERTIONS], ids=lambda page: page.stem)
def test_the_examples_run(page: Path, pytester: pytest.Pytester) -> None:
    examples = list(_blocks(page, "python"))
    pytester.makepyfile(test_page="\n\n".join(examples))
    written = pytester.runpytest("-p", "no:asyncio", "--mem-baseline-update")

    held = pytester.runpytest("-p", "no:asyncio")

    count = sum(example.count("def test_") for example in examples)
    written.assert_outcomes(passed=count)
    held.assert_outcomes(passed=count)


def test_the_failures_that_the_page_shows_are_real(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_net=f"{next(_blocks(ASSERTIONS, 'python'))}\n{FAILING}")

    result = pytester.runpytest("-p", "no:asyncio", "-rP")

    result.assert_outcomes(passed=5)
    said = re.findall(r"<<<\n(.*?)>>>$", str(result.stdout), re.DOTALL | re.MULTILINE)
    assert said == list(_blocks(ASSERTIONS, "text"))
