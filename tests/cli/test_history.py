from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from runs import footprint, one_test, run_of

from pytest_footprint.cli import main
from pytest_footprint.model.run import WHOLE_TEST, TakenFootprint, Times
from pytest_footprint.model.run_json import run_text

WRITERS, RUNS = 8, 25


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


def write(name: str, mib: float, day: int = 1) -> str:
    run = run_of(one_test("test_gpt.py::test_step[a]", footprint(mib)), one_test("test_gpt.py::test_b", footprint(1)))
    started = f"2026-11-{day:02}T12:00:00+00:00"
    Path(name).write_text(run_text(replace(run, times=Times(started))), "utf-8")
    return name


def add(name: str, commit: str, *options: str) -> int:
    return main(["history", "add", name, "--commit", commit, *options])


def test_since_when_a_peak_is_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    for day, mib in enumerate((100, 100, 130, 130, 90), start=1):
        add(write("run.json", mib, day), f"{day}" * 40)
    capsys.readouterr()

    assert main(["history", "show"]) == 0

    assert capsys.readouterr().out == (
        "5 runs, 2 footprints: 1 changed since the first run, 1 never did\n"
        "\n"
        "test_gpt.py::test_step[a], run, peak on cpu\n"
        "  since         time (UTC)           peak  difference      %\n"
        "  111111111111  2026-11-01 12:00  148 MiB\n"
        "  333333333333  2026-11-03 12:00  178 MiB     +30 MiB  +20 %\n"
        "  555555555555  2026-11-05 12:00  138 MiB     -40 MiB  -22 %\n"
    )


def test_a_whole_test_is_told_with_v_beside_what_is_measured_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    for day, mib in enumerate((100, 130), start=1):
        run = run_of(one_test("test_it.py::test_a", footprint(mib)), one_test("test_it.py::test_b", footprint(1)))
        [a, b] = run.tests
        whole = TakenFootprint(WHOLE_TEST, footprint(mib))
        tests = (replace(a, footprints=(*a.footprints, whole)), replace(b, footprints=(whole,)))
        Path("run.json").write_text(run_text(replace(run, tests=tests, times=Times(f"2026-11-0{day}"))), "utf-8")
        add("run.json", f"{day}")
    capsys.readouterr()

    main(["history", "show"])
    brief = capsys.readouterr().out
    main(["history", "show", "-v"])
    verbose = capsys.readouterr().out

    titles = [line for line in brief.splitlines() if "peak on" in line]
    assert titles == ["test_it.py::test_a, run, peak on cpu", "test_it.py::test_b, whole test, peak on cpu"]
    assert brief.endswith(
        "\n\n... and 1 more, of whole tests that are told by what is measured in them (-v shows all)\n"
    )
    assert "test_it.py::test_a, whole test, peak on cpu" in verbose
    assert "... and" not in verbose


@pytest.mark.parametrize("pattern", ["*test_b", "test_gpt.py::test_step[a]"])
def test_a_test_is_shown_by_pattern_or_id_also_if_it_never_changed(
    capsys: pytest.CaptureFixture[str], pattern: str
) -> None:
    add(write("run.json", 100), "a" * 40)

    assert main(["history", "show", "--test", pattern, "-v"]) == 0

    out = capsys.readouterr().out
    assert f"\n{pattern.replace('*', 'test_gpt.py::')}, run, peak on cpu\n" in out
    assert "a" * 40 in out


def test_commits_stand_in_the_order_of_their_times_however_they_came(capsys: pytest.CaptureFixture[str]) -> None:
    add(write("run.json", 130), "new", "--time=2026-11-03T12:00:00+02:00")
    add(write("run.json", 100), "old", "--time=2026-11-02")
    capsys.readouterr()

    main(["history", "show"])

    lines = [line.split()[:3] for line in capsys.readouterr().out.splitlines()[-2:]]
    assert lines == [["old", "2026-11-02", "00:00"], ["new", "2026-11-03", "10:00"]]


def test_the_same_run_is_there_once_and_the_second_time_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    name = write("run.json", 100)

    assert add(name, "abc") == 0
    assert capsys.readouterr().out == "added 2 footprints of commit abc to footprints.sqlite\n"
    before = Path("footprints.sqlite").read_bytes()
    assert add(name, "abc") == 0

    assert capsys.readouterr().out == "run.json of commit abc is in footprints.sqlite already: nothing changed\n"
    assert Path("footprints.sqlite").read_bytes() == before


def test_many_writers_lose_nothing() -> None:
    code = (
        "import sys; from pathlib import Path; from pytest_footprint.cli import main\n"
        f"writer = sys.argv[1]; text = Path('run.json').read_text()\n"
        f"for number in range({RUNS}):\n"
        "    Path(f'{writer}.json').write_text(text)\n"
        "    status = main(['history', 'add', f'{writer}.json', '--commit', f'{writer}-{number}'])\n"
        "    assert status == 0\n"
    )
    write("run.json", 100)

    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(n)], stdout=subprocess.DEVNULL) for n in range(WRITERS)
    ]

    assert [writer.wait() for writer in writers] == [0] * WRITERS
    connection = sqlite3.connect("footprints.sqlite")
    assert connection.execute("SELECT count(*), count(DISTINCT commit_id) FROM run").fetchone() == (200, 200)
    assert connection.execute("SELECT count(*) FROM peak").fetchone() == (400,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_the_commit_is_that_of_the_working_directory(capsys: pytest.CaptureFixture[str]) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "init", "-q"], check=True)  # noqa: S607 - whatever git is here
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True)  # noqa: S607

    assert main(["history", "add", write("run.json", 100)]) == 0

    assert f"of commit {head.stdout.strip()} to" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("path", "said"), [(None, "git knows no commit here"), ("", "there is no git")], ids=["no repository", "no git"]
)
def test_without_a_commit_it_asks_for_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, path: str | None, said: str
) -> None:
    if path is not None:
        monkeypatch.setenv("PATH", path)

    assert main(["history", "add", write("run.json", 100)]) == 2

    assert capsys.readouterr().err == (
        f"pytest-footprint history: which commit did this run on? {said}, so give --commit\n"
    )
    assert not Path("footprints.sqlite").exists()


def _other_database(path: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE other (x)")
    connection.close()


def _newer(path: str) -> None:
    add(write("run.json", 100), "abc", "--db", path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()


@pytest.mark.parametrize(
    ("prepare", "problem"),
    [
        (_other_database, "x.db: it is a database, but no history of pytest-footprint; name another file\n"),
        (lambda path: Path(path).write_text("text" * 100), "x.db: file is not a database\n"),
        (_newer, "x.db: it has schema 9, and this version reads 1: upgrade pytest-footprint\n"),
    ],
    ids=["another database", "no database", "newer"],
)
@pytest.mark.parametrize("action", [["add", "run.json", "--commit=a"], ["show"]], ids=["add", "show"])
def test_a_file_that_is_no_history_is_refused_and_left_alone(
    capsys: pytest.CaptureFixture[str], prepare: object, problem: str, action: list[str]
) -> None:
    write("run.json", 100)
    assert callable(prepare)
    prepare("x.db")
    before = Path("x.db").read_bytes()
    capsys.readouterr()

    assert main(["history", *action, "--db=x.db"]) == 2

    assert capsys.readouterr().err == f"pytest-footprint history: {problem}"
    assert Path("x.db").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["show"], "footprints.sqlite: there is no such file; pytest-footprint history add RUN --db footprints.sqlite"),
        (["add", "no.json", "--commit=a"], "no.json: there is no such file; pytest --mem-json no.json writes it\n"),
        (["add", "run.json", "--commit=a", "--db=no/x.db"], "no/x.db: there is no folder no\n"),
        (["show", "--db=full.db", "--test=x"], "no test in full.db matches 'x'; there are test_gpt.py::test_b, test_"),
    ],
)
def test_bad_input_is_told_with_what_to_do(
    capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    add(write("run.json", 100), "a", "--db=full.db")
    capsys.readouterr()

    assert main(["history", *arguments]) == 2

    assert capsys.readouterr().err.startswith(f"pytest-footprint history: {problem}")


def test_a_time_that_is_none_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        add(write("run.json", 100), "a", "--time=yesterday")

    assert stopped.value.code == 2
    assert "'yesterday' is not a time; write ISO 8601, such as 2026-11-24T12:00:00+00:00" in capsys.readouterr().err


def test_the_page_shows_every_turn_and_every_peak(capsys: pytest.CaptureFixture[str]) -> None:
    for day, mib in enumerate((100, 100, 130), start=1):
        add(write("run.json", mib, day), f"{day}" * 40)
    capsys.readouterr()

    assert main(["history", "show", "--format=html"]) == 0

    page = capsys.readouterr().out
    assert "1 of 2 footprints changed in 3 runs." in page
    assert "1 never changed since the first run." in page
    assert "test_gpt.py::test_step[a], run, peak on cpu" in page
    assert "+30 MiB (+20 %)" in page
    [peaks] = re.findall(r'id="peaks">(.*?)</script>', page)
    assert [[peak["bytes"] for peak in each] for each in json.loads(peaks)] == [[148 * 2**20, 148 * 2**20, 178 * 2**20]]
