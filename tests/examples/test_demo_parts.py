from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("demo")


@pytest.mark.parametrize(
    ("code", "status", "missing"),
    [
        ("print('two')", 0, ["a one"]),
        ("print('one')", 1, ["exit status 1 (it was 0)"]),
        ("exit(3)", 0, ["exit status 0 (it was 3)", "a one"]),
    ],
    ids=["a text", "the status", "both"],
)
def test_what_a_command_did_not_show_ends_the_demo(
    demo: ModuleType, tmp_path: Path, code: str, status: int, missing: list[str]
) -> None:
    (tmp_path / "copy" / demo.EXAMPLE).mkdir(parents=True)

    with pytest.raises(demo.NotSeenError) as caught:
        demo.Demo(tmp_path).python("-c", code, copy="copy", status=status, expect={"a one": "one"})

    headline, *items = str(caught.value).split("\n  - ")
    assert headline.startswith("this command did not show what it should: python -c")
    assert items == missing


def test_a_demo_that_was_not_shown_what_it_should_be_fails_and_names_it(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = demo.NotSeenError("no table\n  - of anything")

    def see_nothing(_: object) -> None:
        raise problem

    monkeypatch.setattr(demo, "_record", see_nothing)

    assert demo.main() == 1
    assert capsys.readouterr().out.endswith("no table\n  - of anything\n")


def test_an_edit_that_does_not_fit_names_the_file_and_the_piece(demo: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("BATCH = 4\n")

    with pytest.raises(
        ValueError, match=r"train\.py holds this 0 times, not once, so the edit does not fit:\nBATCH, T"
    ):
        demo.LARGER_BATCH.apply(tmp_path)
