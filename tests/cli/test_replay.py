"""`pytest-footprint replay`: a trace as tables, without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from traces import Writer

from pytest_footprint.cli import main
from pytest_footprint.model.run_json import read_run
from pytest_footprint.trace.file import to_bytes
from pytest_footprint.trace.moment import moment
from pytest_footprint.trace.reading import Reading
from pytest_footprint.trace.recorded import Recorded, Take
from pytest_footprint.trace.window import everything

ENVIRONMENT = {"torch": "2.13.0", "python": "3.11.7", "device": "cpu"}
ONE = """\
test_gpt.py::test_step[a], run 2, failed, 6 events; torch 2.13.0, python 3.11.7, cpu

test:

cpu          start     peak  end  growth
activations    0 B  384 KiB  0 B     0 B
total          0 B  384 KiB  0 B     0 B

module  parameters  buffers  outputs  forward peak  backward peak
Root           0 B      0 B      0 B       384 KiB            0 B

alive at the cpu peak (activations):
    bytes  module  tensors        operator
  256 KiB  Root    uint8[262144]  op1
  128 KiB  Root    uint8[131072]  op2

forward, 1 calls:
  Root
"""


def a_trace(*names: str) -> bytes:
    writer = Writer()
    takes = []
    writer.enter(0)
    writer.born(128 << 10, 0)
    writer.born(256 << 10, 0)
    writer.exit()
    for name in names:
        if name == "test":
            writer.free(0)
            writer.free(0)
        reading = Reading(writer.trace)
        window = everything(writer.trace)
        takes.append(Take(name, moment(reading, window), reading.footprint(window).structure, ENVIRONMENT))
    recorded = Recorded(
        writer.trace,
        tuple(sorted(takes, key=lambda take: take.name != "test")),
        "test_gpt.py::test_step[a]",
        "failed",
        {"pytest": "9.0", "platform": "linux", "run": "2"},
    )
    return to_bytes(recorded)


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("step.trace").write_bytes(a_trace("run", "check 'a'", "test"))
    return "step.trace"


def test_one_footprint_is_all_its_tables_and_orders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("step.trace").write_bytes(a_trace("test"))

    assert main(["replay", "step.trace"]) == 0

    assert capsys.readouterr().out == ONE


def test_several_footprints_are_a_row_each_and_the_whole_test(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", trace]) == 0

    assert capsys.readouterr().out.startswith(
        "test_gpt.py::test_step[a], run 2, failed, 6 events; torch 2.13.0, python 3.11.7, cpu\n"
        "\n"
        "footprint  steps         peak  largest\n"
        "test           1  cpu 384 KiB  activations 384 KiB\n"
        "run            1  cpu 384 KiB  activations 384 KiB\n"
        "check 'a'      1  cpu 384 KiB  activations 384 KiB\n"
        "--footprint NAME shows another one than 'test', as --footprint run\n"
        "\n"
        "test:\n"
    )


def test_a_footprint_is_shown_by_its_name(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", trace, "--footprint", "check 'a'"]) == 0

    said = capsys.readouterr().out
    assert "\ncheck 'a':\n" in said
    assert "\ntotal          0 B  384 KiB  384 KiB  384 KiB\n" in said


def test_json_is_a_run_that_other_commands_read(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", trace, "--json"]) == 0

    text = capsys.readouterr().out
    [test] = read_run(text).tests
    assert (test.test, test.outcome, [each.name for each in test.footprints]) == (
        "test_gpt.py::test_step[a]",
        "failed",
        ["test", "run", "check 'a'"],
    )
    Path("run.json").write_text(text, "utf-8")
    assert main(["show", "run.json"]) == 0

    assert main(["replay", trace, "--json", "--footprint", "run"]) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "missing.trace: there is no such file; pytest --mem-trace DIR writes traces"),
        (b"", "missing.trace: it is damaged or cut off, or no trace file: File is not a zip file"),
        (b'{"kind": "run"}', "missing.trace: it is damaged or cut off, or no trace file: File is not a zip file"),
        (a_trace(), "missing.trace: no footprint was taken from it"),
        (a_trace("run")[:-30], "missing.trace: it is damaged or cut off, or no trace file: File is not a zip file"),
    ],
)
def test_bad_input_is_named_with_its_cause(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("missing.trace").write_bytes(content)

    assert main(["replay", "missing.trace"]) == 2

    assert capsys.readouterr().err == f"pytest-footprint replay: {says}\n"


def test_an_unknown_footprint_is_named_with_those_there_are(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", trace, "--footprint", "nope"]) == 2

    assert "no footprint is called 'nope'; there are test, run, check 'a'" in capsys.readouterr().err


def test_it_needs_no_torch(trace: str) -> None:
    code = (
        f"import sys; sys.modules['torch'] = None; from pytest_footprint.cli import main; main(['replay', {trace!r}])"
    )

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert "alive at the cpu peak" in done.stdout
