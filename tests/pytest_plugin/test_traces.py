"""`--mem-trace`: what was recorded of each test, as files."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path

import pytest
from user_project import TORCH_WORKS, Project

from pytest_footprint.model.run_json import read_run
from pytest_footprint.pytest_plugin.output.trace_paths import FORMS
from pytest_footprint.trace.file import from_bytes
from pytest_footprint.trace.recorded import Recorded

STEPS = """
    def step(nbytes): (2 * allocate(nbytes).requires_grad_()).sum().backward()


    @pytest.mark.parametrize("kib", [4, 8], ids=["a/b", "a%2fb"])
    def test_steps(mem_tracker, mem_baseline, kib):
        first = mem_tracker.run(step, kib * KIB, steps=2)
        mem_tracker.mark("half way")
        second = mem_tracker.run(torch.nn.Linear(8, 8), torch.ones(2, 8))
        assert second == mem_baseline(name="linear")


    def test_is_not_tracked(): pass
"""

FAILS = """
    def test_fails(mem_tracker):
        allocate(4 * KIB)
        assert False


    @pytest.mark.max_peak_memory("1KiB")
    def test_limit():
        allocate(2 * KIB)


    @pytest.fixture
    def broken(mem_tracker):
        kept = allocate(3 * KIB)
        raise RuntimeError("no")


    def test_set_up(broken): pass
"""


def files(project: Project, folder: str = "traces") -> list[str]:
    found = (project.path / folder).rglob("*")
    return sorted(path.relative_to(project.path / folder).as_posix() for path in found if path.is_file())


def recorded(project: Project, name: str, folder: str = "traces") -> Recorded:
    return from_bytes((project.path / folder / f"{name}.trace").read_bytes())


def test_each_tracked_test_has_files_of_its_own_in_every_form(each_way: Project) -> None:
    each_way.write(TORCH_WORKS, STEPS)

    result = each_way.run("--mem-trace=traces", "--mem-baseline-update")

    result.assert_outcomes(passed=3)
    names = ["test_it/test_steps[a%252fb]", "test_it/test_steps[a%2Fb]"]
    assert files(each_way) == [name + form for name in names for form in sorted(FORMS)]
    result.stdout.fnmatch_lines(["*memory traces of 2 tests: traces*"])
    result.stdout.no_fnmatch_line("*pytest-footprint replay*")


def test_replayed_footprints_are_those_of_the_run(project: Project) -> None:
    project.write(TORCH_WORKS, STEPS)

    project.run("--mem-trace=traces", "--mem-baseline-update", "--mem-json=run.json")

    run = read_run((project.path / "run.json").read_text("utf-8"))
    test = next(each for each in run.tests if each.test.endswith("[a/b]"))
    trace = recorded(project, "test_it/test_steps[a%2Fb]")
    assert (trace.test, trace.outcome) == ("test_it.py::test_steps[a/b]", "passed")
    assert [take.name for take in trace.takes] == ["test", "run", "check 'linear'"]
    for take, taken in zip(trace.takes, test.footprints, strict=True):
        footprint = take.footprint(trace.trace)
        assert (take.name, footprint) == (taken.name, taken.footprint)
        assert footprint.environment == taken.footprint.environment
        assert footprint.structure == taken.footprint.structure
    assert trace.takes[2].structure.tensors


def test_the_other_forms_tell_of_the_same_recording(project: Project) -> None:
    project.write(TORCH_WORKS, STEPS)

    project.run("--mem-trace=traces", "--mem-baseline-update")

    stem = project.path / "traces" / "test_it" / "test_steps[a%2Fb]"
    trace = recorded(project, "test_it/test_steps[a%2Fb]")
    peak = trace.takes[0].footprint(trace.trace).peak["cpu"].total
    rows = json.loads(gzip.decompress(Path(f"{stem}.perfetto.json.gz").read_bytes()))["traceEvents"]
    totals = [row["args"]["bytes"] for row in rows if row["ph"] == "C" and row["name"] == "total"]
    assert max(totals) == peak
    assert [row["name"] for row in rows if row["ph"] == "i"] == ["half way"]
    snapshot = pickle.loads(Path(f"{stem}.snapshot.pickle").read_bytes())  # noqa: S301 - our own
    assert set(snapshot) >= {"segments", "device_traces"}


def test_failed_tests_have_a_trace_and_the_command_that_shows_it(each_way: Project) -> None:
    each_way.write(TORCH_WORKS, FAILS)

    result = each_way.run("--mem-trace=some traces")

    result.assert_outcomes(failed=2, errors=1)
    result.stdout.fnmatch_lines(["*memory traces of 3 tests: some traces*"])
    for name, outcome, nbytes in (("fails", "failed", 4096), ("limit", "failed", 2048), ("set_up", "error", 3072)):
        result.stdout.fnmatch_lines(
            [f"test_it.py::test_{name}", f"  pytest-footprint replay 'some traces/test_it/test_{name}.trace'"]
        )
        trace = recorded(each_way, f"test_it/test_{name}", "some traces")
        assert trace.outcome == outcome
        assert trace.takes[0].footprint(trace.trace).peak["cpu"].total == nbytes


def test_every_run_of_a_test_that_is_rerun_has_its_files_and_older_ones_are_replaced(project: Project) -> None:
    project.write(
        TORCH_WORKS,
        """
        runs = []


        def test_flaky(mem_tracker):
            runs.append(allocate((len(runs) + 1) * KIB))
            assert len(runs) > 2
        """,
    )
    project.run("--mem-trace=traces", "--reruns=2")
    peaks = {}
    for name, outcome in (("", "failed"), (".run2", "failed"), (".run3", "passed")):
        trace = recorded(project, f"test_it/test_flaky{name}")
        assert trace.outcome == outcome
        peaks[name] = int(trace.takes[0].footprint(trace.trace).peak["cpu"].total)
    assert peaks == {"": 1024, ".run2": 2048, ".run3": 3072}

    project.run("--mem-trace=traces")

    assert files(project) == [f"test_it/test_flaky{form}" for form in sorted(FORMS)]


def test_each_tracker_of_a_test_has_its_files(project: Project) -> None:
    project.write(
        TORCH_WORKS,
        """
        def test_two(fsdp_mem_tracker):
            for width in (8, 16):
                model = torch.nn.Linear(width, width)
                fsdp_mem_tracker(model).run(model, torch.ones(1, width))
        """,
    )

    project.run("--mem-trace=traces").assert_outcomes(passed=1)

    first, second = (recorded(project, f"test_it/test_two{tracker}") for tracker in ("", ".tracker2"))
    assert [take.name for take in first.takes] == ["test", "run"]
    assert [take.name for take in second.takes] == ["test", "run 2"]


def test_test_files_of_one_name_in_different_folders_do_not_meet(project: Project) -> None:
    for folder in ("one", "two"):
        (project.path / folder).mkdir()
        project.write(TORCH_WORKS, "def test_same(mem_tracker): allocate(KIB)", name=f"{folder}/test_it")

    project.run("--mem-trace=traces", "--import-mode=importlib").assert_outcomes(passed=2)

    assert [name for name in files(project) if name.endswith(".trace")] == [
        "one/test_it/test_same.trace",
        "two/test_it/test_same.trace",
    ]


def test_the_ini_file_may_ask_for_traces_from_its_own_folder(project: Project) -> None:
    project.ini("mem_trace = out/traces")
    project.write(TORCH_WORKS, "def test_one(mem_tracker): allocate(KIB)")

    project.run().assert_outcomes(passed=1)
    assert len(files(project, "out/traces")) == len(FORMS)

    project.run("--mem-trace=").stdout.no_fnmatch_line("*memory traces*")


@pytest.mark.parametrize("path", ["taken", "taken/below"])
def test_a_folder_that_cannot_be_written_is_a_usage_error(project: Project, path: str) -> None:
    (project.path / "taken").write_text("a file")

    result = project.run(f"--mem-trace={path}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --mem-trace: cannot write {path}: *; give a folder that can be written"])


def test_a_trace_that_cannot_be_written_fails_the_run(each_way: Project) -> None:
    each_way.write(
        TORCH_WORKS,
        """
        def test_one(mem_tracker, request):
            (request.config.rootpath / "traces").joinpath("test_it").write_text("in the way")
        """,
    )

    result = each_way.run("--mem-trace=traces")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["cannot write a memory trace: traces/test_it/test_one: *"])


def test_a_run_without_tracked_tests_says_so(project: Project) -> None:
    project.write("def test_nothing(): pass")

    result = project.run("--mem-trace=traces")

    result.stdout.fnmatch_lines(["no memory trace: no test was tracked; *"])


def test_a_quiet_run_only_tells_how_to_look_at_what_failed(project: Project) -> None:
    project.write(TORCH_WORKS, "def test_one(mem_tracker): assert False", "def test_two(mem_tracker): pass")

    result = project.run("--mem-trace=traces", "-q")

    result.stdout.no_fnmatch_line("*memory traces of*")
    result.stdout.fnmatch_lines(["  pytest-footprint replay traces/test_it/test_one.trace"])


@pytest.mark.skipif(pytest.version_tuple < (9, 0), reason="pytest 8 has no subtests")
def test_a_test_with_subtests_is_written_once_when_it_is_over(project: Project) -> None:
    project.write(
        TORCH_WORKS,
        """
        def test_it(subtests, mem_tracker):
            for number in range(2):
                with subtests.test(number=number):
                    mem_tracker.run(torch.nn.Linear(8, 8), torch.ones(2, 8))
                    assert not number
        """,
    )

    result = project.run("--mem-trace=traces")

    result.stdout.no_fnmatch_line("*StopIteration*")
    assert files(project) == [f"test_it/test_it{form}" for form in sorted(FORMS)]
    assert len(recorded(project, "test_it/test_it").takes) == 3
