from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from runs import EVERYTHING, footprint, one_test, run_of

from pytest_footprint.baseline import encode
from pytest_footprint.baseline.kinds import Value
from pytest_footprint.cli import main
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.run import (
    WHOLE_TEST,
    CheckResult,
    CheckVerdict,
    LimitVerdict,
    Outcome,
    RecordedTest,
    TakenFootprint,
)
from pytest_footprint.model.run_json import run_text
from pytest_footprint.model.structure import Structure, TensorSpec

LIMITED = RecordedTest(
    "test_gpt.py::test_limit[a]",
    Outcome.FAILED,
    (TakenFootprint(WHOLE_TEST, footprint(200)), TakenFootprint("check", footprint(150))),
    (LimitVerdict("cpu", "total", ByteSize.parse("184MiB"), ByteSize(1), exceeded=True, rule="--max-peak-memory"),),
    (
        CheckResult("check", "footprint", "a.toml", CheckVerdict.DIFFERS, "memory differs from its baseline: cpu"),
        CheckResult("check 'order'", "hierarchy", "b.toml", CheckVerdict.HOLDS),
    ),
)
RUN = run_of(
    one_test("test_gpt.py::test_step", footprint(100)), RecordedTest("test_gpt.py::test_no", Outcome.PASSED), LIMITED
)


@pytest.fixture
def run_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("run.json").write_text(run_text(RUN), "utf-8")
    return "run.json"


def test_a_run_is_a_row_for_each_footprint_and_the_checks_that_do_not_hold(
    run_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", run_file]) == 0

    assert capsys.readouterr().out == (
        "2 of 3 tests took footprints; torch 2.13.0, python 3.11.7, cpu\n"
        "\n"
        "test                        footprint         peak  largest                limit  outcome\n"
        "test_gpt.py::test_limit[a]  test       cpu 248 MiB  activations 200 MiB  184 MiB  failed\n"
        "test_gpt.py::test_limit[a]  check      cpu 198 MiB  activations 150 MiB           failed\n"
        "test_gpt.py::test_step      run        cpu 148 MiB  activations 100 MiB           passed\n"
        "\n"
        "baselines that do not hold:\n"
        "  test_gpt.py::test_limit[a], check: memory differs from its baseline: cpu\n"
    )


@pytest.mark.parametrize("pattern", ["*limit*", "test_gpt.py::test_limit[a]"])
def test_the_tables_of_a_test_are_shown_by_pattern_and_by_its_id(
    run_file: str, capsys: pytest.CaptureFixture[str], pattern: str
) -> None:
    assert main(["show", run_file, "--test", pattern]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "test_gpt.py::test_limit[a]"
    assert "test_gpt.py::test_limit[a], check" in lines
    assert "cpu          start     peak     end  growth" in lines
    assert "test_gpt.py::test_step, run" not in lines


def test_a_pattern_that_finds_nothing_is_answered_with_what_there_is(
    run_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", run_file, "--test", "test_stop"]) == 2

    assert capsys.readouterr().err == (
        "pytest-footprint show: no test with footprints in run.json matches 'test_stop';"
        " there are test_gpt.py::test_step, test_gpt.py::test_limit[a]\n"
    )


def test_a_run_that_stopped_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.json"
    path.write_text(run_text(replace(EVERYTHING, complete=False)), "utf-8")

    main(["show", str(path)])

    assert "\nthe run stopped before all of its tests ran\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (
            footprint(100),
            ["cpu          start     peak     end  growth", "parameters     0 B   48 MiB  48 MiB     0 B"],
        ),
        (
            Hierarchy(("M", "M.0", "M.1"), ("M", "M.1", "M.0")),
            ["forward, 3 calls:", "  M", "  M.{0..1}", "", "backward, 3 calls:"],
        ),
        (
            Structure((TensorSpec("a.0.w", (2, 3), "int8"), TensorSpec("a.1.w", (2, 3), "int8")), (("x", "y"),)),
            ["tensor      dtype and shape", "a.{0..1}.w  int8[2, 3]", "", "tied: x, y"],
        ),
    ],
    ids=["footprint", "hierarchy", "structure"],
)
def test_a_baseline_is_shown_as_what_it_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: Value, shown: list[str]
) -> None:
    path = tmp_path / "a.cpu.toml"
    path.write_text(encode(value), "utf-8")

    assert main(["show", str(path)]) == 0

    assert "\n".join(shown) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "args", "problem"),
    [
        ("a.toml", None, (), "a.toml: there is no such file\n"),
        ("a.toml", "schema = 1\nkind =", (), "a.toml:2: the baseline is damaged: "),
        ("a.toml", encode(Hierarchy()), ("--test=x",), "a.toml is a baseline of one test: --test is for a run\n"),
        ("a.json", None, (), "a.json: there is no such file; pytest --mem-json a.json writes it\n"),
    ],
)
def test_bad_input_is_told_with_what_to_do(  # noqa: PLR0917
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: str | None,
    args: tuple[str, ...],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_text(content, "utf-8")

    assert main(["show", name, *args]) == 2

    assert capsys.readouterr().err.startswith(f"pytest-footprint show: {problem}")
