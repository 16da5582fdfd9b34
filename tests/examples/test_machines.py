"""What `docs/machines.md` shows is what one gets."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from runs import footprint, one_test, run_of

from pytest_footprint.cli import _parser, main
from pytest_footprint.model.run import Outcome, RecordedTest, Times
from pytest_footprint.model.run_json import read_run, run_text

PAGE = (Path(__file__).parents[2] / "docs" / "machines.md").read_text("utf-8")
COMMAND = re.compile(r"^ *(?:python -m )?(pytest-footprint [^#|>\n]*)", re.MULTILINE)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_document_that_is_shown_is_a_run_and_the_program_reads_it(capsys: pytest.CaptureFixture[str]) -> None:
    [document], [program] = blocks("json"), blocks("python")
    schema = json.loads(files("pytest_footprint").joinpath("run.schema.json").read_text("utf-8"))
    Path("run.json").write_text(document, "utf-8")

    jsonschema.Draft202012Validator(schema).validate(json.loads(document))
    exec(program, {})  # noqa: S102 - our own page

    assert run_text(read_run(document)) == document
    assert capsys.readouterr().out == "test_gpt.py::test_step check cpu 53363712\n"


def test_every_command_that_is_shown_takes_these_options() -> None:
    commands = [line for language in ("sh", "yaml") for block in blocks(language) for line in COMMAND.findall(block)]

    assert len(commands) >= 9
    for command in commands:
        options = _parser().parse_args(shlex.split(command)[1:])
        assert options.command.name == command.split()[1]


def test_the_comparison_and_the_history_that_are_shown_are_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    comparison, history = blocks("text")
    same, skipped = one_test("test_gpt.py::test_same", footprint(1)), "test_gpt.py::test_skips"
    base = run_of(one_test("test_gpt.py::test_step", footprint(100)), same, one_test(skipped, footprint(1)))
    head = run_of(one_test("test_gpt.py::test_step", footprint(130)), same, RecordedTest(skipped, Outcome.SKIPPED))
    Path("base.json").write_text(run_text(base), "utf-8")
    Path("head.json").write_text(run_text(head), "utf-8")

    [command] = [found for block in blocks("sh") for found in COMMAND.findall(block) if "--fail-on" in found]
    status = main(shlex.split(command)[1:])

    assert (status, capsys.readouterr().out) == (1, comparison)
    for day, mib in enumerate((100, 100, 130, 130, 90), start=1):
        run = run_of(one_test("test_gpt.py::test_step", footprint(mib)), same)
        times = Times(f"2026-11-{day:02}T12:00:00+00:00")
        Path("run.json").write_text(run_text(replace(run, times=times)), "utf-8")
        main(["history", "add", "run.json", "--commit", f"{day}" * 40])
    capsys.readouterr()
    main(["history", "show"])
    assert capsys.readouterr().out == history
