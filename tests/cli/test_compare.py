from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from runs import ENVIRONMENT, footprint, one_test, run_of

from pytest_footprint.cli import main
from pytest_footprint.model.run import Outcome, RecordedTest, Run
from pytest_footprint.model.run_json import run_text

BASE = run_of(
    one_test("test_gpt.py::test_step[a|b]", footprint(100), footprint(20)),
    one_test("test_gpt.py::test_saved", footprint(10, saved_mib=1)),
    one_test("test_gpt.py::test_skips", footprint(1)),
    one_test("test_old.py::test_old", footprint(1)),
)
HEAD = replace(
    run_of(
        one_test("test_gpt.py::test_step[a|b]", footprint(130), footprint(21)),
        one_test("test_gpt.py::test_saved", footprint(10, saved_mib=3)),
        RecordedTest("test_gpt.py::test_skips", Outcome.SKIPPED),
        one_test("test_new.py::test_new", footprint(1)),
        complete=False,
    ),
    environment=replace(ENVIRONMENT, torch="2.14.0"),
)

TEXT = """\
2 of 2 tests changed: 2 take more; 1 appeared, 2 vanished

test                              what                       base     head  difference       %
test_gpt.py::test_step[a|b], run  cpu peak                148 MiB  178 MiB     +30 MiB   +20 %
test_gpt.py::test_saved, run      cpu saved for backward    1 MiB    3 MiB      +2 MiB  +200 %

test_gpt.py::test_step[a|b], run (and one more of its footprints)
  cpu peak +30 MiB (+20 %): activations made in GPT.head: float32[512, 256] from mm
  activations +30 MiB (+30 %), made in GPT.head: float32[512, 256] from aten.mm at model.py:72
  they are gone when the step is over: at its peak they are more, or live longer, than before

test_gpt.py::test_saved, run
  cpu saved for backward +2 MiB (+200 %): saved by GPT.head: float32[8] from mm
  saved +2 MiB (+200 %), saved by GPT.head: float32[8] from aten.mm

appeared (no footprint in base):
  test_new.py::test_new

vanished (no footprint in head):
  test_gpt.py::test_skips: skipped in head
  test_old.py::test_old

note:
  head stopped before all of its tests ran, so some may be missing
  the runs come from different environments (base -> head): torch 2.13.0 -> 2.14.0

FAILED 2 of 3 gates:
  peak:5%: test_gpt.py::test_step[a|b], run: cpu peak 148 MiB -> 178 MiB (+20.3 %)
  vanished: test_gpt.py::test_skips, run: skipped
  vanished: test_old.py::test_old, run: is gone
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(BASE, "base.json")
    write(HEAD, "head.json")
    return tmp_path


def write(run: Run, name: str) -> None:
    Path(name).write_text(run_text(run), "utf-8")


def compare(*options: str) -> int:
    return main(["compare", "base.json", "head.json", *options])


@pytest.mark.usefixtures("files")
def test_text_has_a_table_the_causes_what_came_and_went_and_the_gates(capsys: pytest.CaptureFixture[str]) -> None:
    status = compare("--fail-on", "peak:5%", "--fail-on=growth:0", "--fail-on=vanished")

    assert status == 1
    assert capsys.readouterr().out == TEXT


@pytest.mark.usefixtures("files")
def test_without_gates_it_shows_and_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare() == 0
    assert "gate" not in capsys.readouterr().out
    assert compare("--fail-on=peak:50%") == 0
    assert capsys.readouterr().out.endswith("\n\nall gates hold: peak:50%\n")


@pytest.mark.usefixtures("files")
def test_rows_are_sorted_by_change_or_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    def order(*options: str) -> list[str]:
        compare("--format=json", *options)
        return [change["test"].rpartition(":")[2] for change in json.loads(capsys.readouterr().out)["changes"]]

    assert order() == ["test_step[a|b]", "test_step[a|b]", "test_saved"]
    assert order("--sort=name") == ["test_saved", "test_step[a|b]", "test_step[a|b]"]


@pytest.mark.usefixtures("files")
def test_json_has_the_same_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    status = compare("--format=json", "--fail-on=saved:0", "--fail-on=order")

    found = json.loads(capsys.readouterr().out)
    assert status == 1
    assert (found["schema"], found["kind"], found["tests"]) == (1, "run comparison", 2)
    assert found["changes"][0]["cause"] == "activations made in GPT.head: float32[512, 256] from mm"
    assert found["changes"][0]["sizes"][0]["after"] == 178 * 2**20
    assert found["appeared"] == [{"test": "test_new.py::test_new", "footprints": ["run"], "outcome": None}]
    assert [gate["holds"] for gate in found["gates"]] == [False, True]
    assert found["gates"][0]["failures"][0]["test"] == "test_gpt.py::test_saved"


@pytest.mark.usefixtures("files")
def test_markdown_is_a_comment_with_a_table_and_folded_details(capsys: pytest.CaptureFixture[str]) -> None:
    compare("--format=md", "--fail-on=peak:5%", "--fail-on=end:0")

    saved = "cpu saved for backward | 1 MiB | 3 MiB | +2 MiB (+200 %) | saved by GPT.head: float32\\[8\\] from mm |"
    step = (
        "cpu peak | 148 MiB | 178 MiB | +30 MiB (+20 %) | activations made in GPT.head: float32\\[512, 256\\] from mm |"
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[:12] == [
        "### Memory: 2 of 2 tests changed: 2 take more; 1 appeared, 2 vanished",
        "",
        "**Failed 1 of 2 gates:**",
        "",
        "- `peak:5%: test_gpt.py::test_step[a|b], run: cpu peak 148 MiB -> 178 MiB (+20.3 %)`",
        "",
        "| test | what | base | head | difference | cause |",
        "|---|---|--:|--:|--:|---|",
        r"| `test_gpt.py::test_step[a\|b], run` and one more of its footprints | " + step,
        "| `test_gpt.py::test_saved, run` | " + saved,
        "",
        "**Appeared, no footprint in base:**",
    ]
    assert lines.count("</details>") == 2
    assert "<details><summary>test_gpt.py::test_step[a|b], run</summary>" in lines


@pytest.mark.parametrize("name", ["test", "\N{SNOWMAN}" * 300, "`" * 200, "|" * 500])
def test_a_comment_fits_github_however_much_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(run_of(*(one_test(f"{name}[{n}]", footprint(10, fqn=name)) for n in range(900))), "base.json")
    write(run_of(*(one_test(f"{name}[{n}]", footprint(11, fqn=name)) for n in range(900))), "head.json")

    compare("--format=md", "--fail-on=peak:0")

    text = capsys.readouterr().out
    assert 50_000 < len(text.encode()) < 65_536
    assert text.count("<details>") == text.count("</details>")
    assert text.rstrip().endswith("do not fit here: `pytest-footprint compare base.json head.json -v` shows all")


def test_what_is_missing_on_one_side_is_told_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(run_of(*(one_test(name, footprint(1), footprint(2)) for name in "abc")), "base.json")
    none = (RecordedTest("a", Outcome.PASSED), RecordedTest("c", Outcome.ERROR))
    write(run_of(*none, one_test("b", footprint(1))), "head.json")

    compare()

    assert capsys.readouterr().out == (
        "none of 1 test changed; 3 vanished\n\n"
        "vanished (no footprint in head):\n  a: takes none in head\n  b: run 2\n  c: error in head\n"
    )


def test_runs_without_footprints_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(run_of(), "base.json")
    write(run_of(RecordedTest("a", Outcome.PASSED)), "head.json")

    assert compare() == 0
    assert capsys.readouterr().out == "no test took a footprint in both runs\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "head.json: there is no such file; pytest --mem-json head.json writes it"),
        (b"\xff", "head.json: it is not a text file; pytest --mem-json head.json writes it"),
        (b"<xml>", "head.json: it is not JSON: Expecting value: line 1 column 1 (char 0); it takes what pytest --mem"),
        (b"[" * 100_000, "head.json: it is not JSON: its lists and objects are nested too deeply to be read; it takes"),
        (b'{"schema":1,"kind":"run"}', "head.json: not the JSON of a Run: Run has no 'environment', 'tests'; it takes"),
        (b'{"schema":1,"Footprint":{}}', "head.json: it is JSON, but not that of a run"),
        (
            b'{"schema":2,"kind":"run"}',
            "head.json: it has schema 2, and this version reads 1: upgrade pytest-footprint",
        ),
    ],
)
def test_bad_input_is_told_with_what_to_do(
    files: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, problem: str
) -> None:
    (files / "head.json").unlink()
    if content is not None:
        (files / "head.json").write_bytes(content)

    status = compare("--fail-on=peak:0")

    assert status == 2
    assert capsys.readouterr().err.startswith(f"pytest-footprint compare: {problem}")


@pytest.mark.usefixtures("files")
def test_a_gate_that_is_none_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        compare("--fail-on=pike:5%")

    assert stopped.value.code == 2
    assert "argument --fail-on: 'pike:5%' is not a gate; write \"peak:5%\"" in capsys.readouterr().err


@pytest.mark.usefixtures("files")
def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-c", "from pytest_footprint.cli import main; raise SystemExit(main())"]
    arguments = ["compare", "base.json", "head.json", "--format=json"]

    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()

    assert (process.returncode, said) == (0, b"")


@pytest.mark.usefixtures("files")
def test_the_page_tells_gates_changes_causes_and_what_only_one_side_has(capsys: pytest.CaptureFixture[str]) -> None:
    status = compare("--format=html", "--fail-on=peak:5%")

    page = capsys.readouterr().out
    assert status == 1
    for said in (
        "2 of 2 tests changed: 2 take more; 1 appeared, 2 vanished",
        "peak:5%: test_gpt.py::test_step[a|b], run: cpu peak 148 MiB -&gt; 178 MiB (+20.3 %)",
        "activations made in GPT.head: float32[512, 256] from mm",
        "<li>test_new.py::test_new</li>",
        "<li>test_gpt.py::test_skips: skipped in head</li>",
        "head stopped before all of its tests ran",
        "activations +30 MiB (+30 %), made in GPT.head: float32[512, 256] from aten.mm at model.py:72",
    ):
        assert said in page


def test_a_hostile_test_is_text_on_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "test_x.py::test[</script><script>hacked=1</script>]"
    for side, mib in (("base", 1), ("head", 2)):
        (tmp_path / side).write_text(run_text(run_of(one_test(name, footprint(mib)))), "utf-8")

    main(["compare", str(tmp_path / "base"), str(tmp_path / "head"), "--format=html"])

    page = capsys.readouterr().out
    assert "&lt;/script&gt;&lt;script&gt;hacked=1" in page
    assert "<script>hacked" not in page
