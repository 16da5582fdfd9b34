"""`--mem-json`: what machines read of a run."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from user_project import FOOTPRINTS_WORK, TORCH_WORKS, Project

from pytest_footprint.model.run import Outcome, RecordedTest, Run
from pytest_footprint.model.run_json import read_run

RUN_SCHEMA = json.loads(files("pytest_footprint").joinpath("run.schema.json").read_text("utf-8"))


def written(project: Project, name: str = "run.json") -> Run:
    text = (project.path / name).read_text("utf-8")
    jsonschema.Draft202012Validator(RUN_SCHEMA).validate(json.loads(text))
    return read_run(text)


def by_name(run: Run) -> dict[str, RecordedTest]:
    return {test.test.partition("::")[2]: test for test in run.tests}


TRACKED = """
    def step(nbytes): allocate(nbytes).sum()


    def test_takes_two_and_compares_one(mem_tracker, mod_tracker, mem_baseline):
        first, second = mem_tracker.run(step, 4 * KIB), mem_tracker.run(step, 8 * KIB)
        assert second == mem_baseline
        assert mem_tracker == mem_baseline(name="all of it")
        assert mod_tracker == mem_baseline(name="order")


    @pytest.mark.max_peak_memory("2KiB")
    @pytest.mark.parametrize("kib", [2, 3])
    def test_limit(kib): allocate(kib * KIB)


    def test_is_not_tracked(): pass


    @pytest.mark.parametrize("kib", [1, 2])
    def test_each_its_own(mem_tracker, kib): allocate(kib * KIB)
"""


def test_every_test_has_an_entry_with_what_it_took_was_limited_to_and_compared(project: Project) -> None:
    project.write(TORCH_WORKS, TRACKED)

    result = project.run("--mem-json=run.json", "--mem-baseline-update")

    run = written(project)
    tests = by_name(run)
    assert run.complete
    assert run.environment.devices == ("cpu",)
    assert run.environment.torch.startswith("2.")
    assert "pytest-footprint" in run.environment.plugins
    assert [test.test for test in run.tests] == sorted(test.test for test in run.tests)
    assert run.times.tests.keys() == {test.test for test in run.tests}
    stem = "__footprints__/test_it/test_takes_two_and_compares_one"
    two = tests["test_takes_two_and_compares_one"]
    peaks = {each.name: int(each.footprint.peak["cpu"].total) for each in two.footprints}
    assert peaks == {"test": 8196, "run": 4100, "check": 8196, "check 'all of it'": 8196}
    assert [(check.name, check.kind, check.verdict, check.baseline) for check in two.checks] == [
        ("check", "footprint", "written", f"{stem}.cpu.toml"),
        ("check 'all of it'", "footprint", "written", f"{stem}.all of it.cpu.toml"),
        (
            "check 'order'",
            "hierarchy",
            "written",
            f"{stem}.order.any.toml",
        ),
    ]
    assert tests["test_is_not_tracked"] == RecordedTest("test_it.py::test_is_not_tracked", Outcome.PASSED)
    [within] = tests["test_limit[2]"].limits
    [above] = tests["test_limit[3]"].limits
    assert (within.exceeded, above.exceeded, above.peak, above.limit) == (False, True, 3072, 2048)
    assert above.rule == "@pytest.mark.max_peak_memory('2KiB')"
    assert tests["test_limit[3]"].outcome == "failed"
    result.stdout.fnmatch_lines(["*- memory of this run: run.json -*"])


def test_serial_and_parallel_runs_write_the_same_but_for_the_line_of_times(project: Project) -> None:
    project.write(TORCH_WORKS, TRACKED)
    project.run("--mem-baseline-update")

    project.run_alone("--mem-json=serial.json")
    project.run_alone("--mem-json=parallel.json", "-n4")

    serial, parallel = (
        [text for text in (project.path / name).read_bytes().splitlines() if not text.startswith(b'"times"')]
        for name in ("serial.json", "parallel.json")
    )
    assert len(serial) == 3 + len(written(project, "serial.json").tests)
    assert serial == parallel


def test_footprints_of_an_fsdp_tracker_are_there_too(project: Project) -> None:
    project.write(
        TORCH_WORKS,
        """
        def test_it(fsdp_mem_tracker):
            model = torch.nn.Linear(256, 1, bias=False)
            fsdp_mem_tracker(model).footprint()
        """,
    )

    project.run("--mem-json=run.json").assert_outcomes(passed=1)

    [taken] = by_name(written(project))["test_it"].footprints
    assert (taken.name, int(taken.footprint.peak["cpu"].parameters)) == ("run", 1024)


def test_a_failed_check_says_why_and_names_the_culprits(each_way: Project) -> None:
    test = "def test_step(mem_baseline):\n    assert footprint(SIZE) == mem_baseline"
    each_way.write(FOOTPRINTS_WORK, "SIZE = 1024", test)
    each_way.run("--mem-json=missing.json")
    each_way.run("--mem-baseline-update")
    each_way.write(FOOTPRINTS_WORK, "SIZE = 3072", test)
    each_way.run("--mem-json=run.json")

    [missing] = written(each_way, "missing.json").tests[0].checks
    [differs] = written(each_way).tests[0].checks

    assert (missing.verdict, missing.says.startswith("no memory baseline is stored at")) == ("missing", True)
    assert differs.verdict == "differs"
    assert differs.says.startswith("memory differs from its baseline: cpu peak +2 KiB")
    assert [(change.subject, int(change.difference)) for change in differs.sizes] == [
        ("total", 2048),
        ("activations", 2048),
    ]


OUTCOMES = """
    @pytest.fixture
    def broken(): raise ValueError

    @pytest.fixture
    def breaks_later():
        yield
        raise ValueError

    def test_passed(): pass
    def test_failed(): assert False
    def test_skipped(): pytest.skip("not here")
    @pytest.mark.skip
    def test_never_ran(): pass
    def test_error(broken): pass
    def test_error_at_the_end(breaks_later): pass
    @pytest.mark.xfail
    def test_xfailed(): assert False
    @pytest.mark.xfail
    def test_xpassed(): pass
    @pytest.mark.xfail(strict=True)
    def test_failed_as_it_passed(): pass

    runs = []

    @pytest.mark.flaky(reruns=2)
    def test_passed_at_last(mem_baseline):
        runs.append(1)
        assert footprint(1024) == mem_baseline
        assert len(runs) == 3
"""


def test_outcomes_are_those_of_pytest_and_a_rerun_test_counts_once(each_way: Project) -> None:
    each_way.write(FOOTPRINTS_WORK, OUTCOMES)
    each_way.run("--mem-baseline-update")

    each_way.run("--mem-json=run.json")

    tests = by_name(written(each_way))
    assert {name: test.outcome for name, test in tests.items()} == {
        "test_passed": "passed",
        "test_failed": "failed",
        "test_skipped": "skipped",
        "test_never_ran": "skipped",
        "test_error": "error",
        "test_error_at_the_end": "error",
        "test_xfailed": "xfailed",
        "test_xpassed": "xpassed",
        "test_failed_as_it_passed": "failed",
        "test_passed_at_last": "passed",
    }
    assert len(tests["test_passed_at_last"].checks) == 1


@pytest.mark.skipif(pytest.version_tuple < (9, 0), reason="pytest 8 has no subtests")
def test_a_failed_subtest_fails_its_test_and_its_time_counts_once(project: Project) -> None:
    project.write(
        """
        import time

        def test_it(subtests):
            for number in range(3):
                with subtests.test(number=number):
                    time.sleep(0.5)
                    assert number != 1
        """
    )

    project.run("--mem-json=run.json")

    run = written(project)
    [seconds] = run.times.tests.values()
    assert run.tests[0].outcome == "failed"
    assert 1.5 <= seconds <= run.times.seconds


def test_a_run_that_stops_at_a_failure_says_so(each_way: Project) -> None:
    each_way.write("def test_a(): assert False", "def test_b(): pass")

    each_way.run("--mem-json=run.json", "-x")

    assert not written(each_way).complete


def test_a_run_that_is_interrupted_is_written_and_says_so(project: Project) -> None:
    project.write("def test_a(): pass", "def test_b(): raise KeyboardInterrupt")

    project.run_alone("--mem-json=run.json")

    run = written(project)
    assert not run.complete
    assert by_name(run)["test_a"].outcome == "passed"


def test_a_test_whose_worker_dies_is_there_as_failed(project: Project) -> None:
    project.write(FOOTPRINTS_WORK, "import os\n\n\ndef test_a(): os._exit(1)", "def test_b(): pass")

    project.run("--mem-json=run.json", "-n1")

    assert {name: test.outcome for name, test in by_name(written(project)).items()} == {
        "test_a": "failed",
        "test_b": "passed",
    }


@pytest.mark.parametrize(
    ("ini", "args", "where"),
    [
        ("", ("--mem-json=deep/er/run.json",), "sub/deep/er/run.json"),
        ("mem_json = run.json", (), "run.json"),
        ("mem_json = other.json", ("--mem-json=run.json",), "sub/run.json"),
        ("mem_json = run.json", ("--mem-json=",), None),
    ],
    ids=["folders are made", "ini, from the root", "command line over ini", "switched off"],
)
def test_the_file_is_where_it_was_asked_for(
    project: Project, monkeypatch: pytest.MonkeyPatch, ini: str, args: tuple[str, ...], where: str | None
) -> None:
    project.ini(ini)
    project.write("def test_it(): pass")
    (project.path / "sub").mkdir()
    monkeypatch.chdir(project.path / "sub")

    project.run("..", *args).assert_outcomes(passed=1)

    found = {path.relative_to(project.path).as_posix() for path in project.path.rglob("*.json")}
    assert found == ({where} if where else set())


def _no_folder(path: Path) -> str:
    (path / "file").write_text("")
    return "file/run.json"


def _a_folder(path: Path) -> str:
    (path / "folder").mkdir()
    return "folder"


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (_no_folder, "*--mem-json: cannot write file/run.json: *; give a file in a folder that can be written"),
        (_a_folder, "*--mem-json: cannot write folder: it is a folder; give a file in a folder that can be written"),
    ],
)
def test_a_place_that_cannot_be_written_is_an_error_before_any_test(
    each_way: Project, prepare: Any, message: str
) -> None:
    each_way.write("def test_it(): open('ran', 'w')")

    result = each_way.run(f"--mem-json={prepare(each_way.path)}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    assert not (each_way.path / "ran").exists()


def test_a_file_that_cannot_be_written_at_the_end_fails_the_run_and_says_why(project: Project) -> None:
    project.write("import os\n\ndef test_it(): os.mkdir('run.json')")

    result = project.run("--mem-json=run.json")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["cannot write the memory of this run to run.json: *; what stood there is untouched"])
    assert list((project.path / "run.json").iterdir()) == []


def test_collecting_writes_nothing(project: Project) -> None:
    project.write("def test_it(): pass")

    project.run("--mem-json=new/run.json", "--collect-only")

    assert not (project.path / "new").exists()
