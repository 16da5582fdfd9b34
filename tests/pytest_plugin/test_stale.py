"""Baselines that no test asks for: named by complete runs, deleted on demand, and never in doubt."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from user_project import FOOTPRINTS_WORK, Project

TWO_TESTS = """
    def test_kept(mem_baseline): assert footprint(1) == mem_baseline

    def test_old(mem_baseline): assert footprint(1) == mem_baseline
"""
RENAMED = TWO_TESTS.replace("test_old", "test_new")
OLD = "__footprints__/test_it/test_old.cpu.toml"


def stored(project: Project, tests: str = TWO_TESTS) -> None:
    """A project with baselines of its own."""
    project.write(FOOTPRINTS_WORK, tests)
    project.run("--mem-baseline-update", "-n0")
    assert project.baselines()


def nothing_is_judged(
    project: Project, why: str, *args: str, run: Callable[..., pytest.RunResult] | None = None
) -> None:
    """The run with ``args`` calls nothing stale, and does not prune."""
    before, run = project.baselines(), run or project.run

    named, pruned = run(*args), run(*args, "--mem-baseline-prune")

    named.stdout.no_fnmatch_line("*= stale*")
    pruned.stdout.fnmatch_lines(
        [
            "*= memory baselines not pruned =*",
            f"nothing was deleted, as this run was not complete: {why}",
            "to prune, run all tests of a file or folder: pytest --mem-baseline-prune",
        ]
    )
    assert project.baselines() == before


def test_a_complete_run_names_what_is_stale_and_deletes_it_on_demand(each_way: Project) -> None:
    stored(each_way)
    each_way.write(FOOTPRINTS_WORK, RENAMED)

    named = each_way.run()
    left = each_way.baselines()
    pruned = each_way.run("--mem-baseline-update", "--mem-baseline-prune")
    clean = each_way.run("--mem-baseline-prune")
    quiet = each_way.run()

    named.assert_outcomes(passed=1, failed=1)
    named.stdout.fnmatch_lines(
        [
            "*= stale memory baselines =*",
            "1 baseline that no test asked for in this complete run:",
            f"  {OLD}",
            "to delete: run the same with --mem-baseline-prune",
            "after a rename: move the files to their new names instead",
        ]
    )
    assert list(left) == ["test_kept.cpu.toml", "test_old.cpu.toml"]
    pruned.assert_outcomes(passed=2)
    pruned.stdout.fnmatch_lines(
        ["*= memory baselines pruned =*", "deleted 1 baseline that no test asked for:", f"  {OLD}"]
    )
    assert list(each_way.baselines()) == ["test_kept.cpu.toml", "test_new.cpu.toml"]
    clean.stdout.fnmatch_lines(["nothing to delete: no stored baseline is stale"])
    quiet.stdout.no_fnmatch_line("*= stale*")


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("-k", "kept"), "1 test was deselected"),
        (("-m", "slow"), "2 tests were deselected"),
        (("--deselect", "test_it.py::test_new"), "1 test was deselected"),
        (("-x",), "1 test did not run"),
        (("--maxfail=1",), "1 test did not run"),
    ],
    ids=["-k", "-m", "--deselect", "-x", "--maxfail"],
)
def test_a_run_that_leaves_tests_out_judges_nothing(project: Project, args: tuple[str, ...], why: str) -> None:
    stored(project)
    project.write(
        FOOTPRINTS_WORK,
        "def test_new(mem_baseline): assert footprint(1) == mem_baseline",
        "def test_kept(mem_baseline): assert footprint(1) == mem_baseline",
    )

    nothing_is_judged(project, why, *args)


def test_a_run_that_stops_early_in_a_worker_judges_nothing(project: Project) -> None:
    stored(project)
    project.write(
        FOOTPRINTS_WORK,
        """
        def test_fails(): assert False

        @pytest.mark.parametrize("number", range(20))
        def test_kept(number, mem_baseline): assert footprint(1) == mem_baseline
        """,
    )

    nothing_is_judged(project, "* did not run", "-x", "-n2")


def test_a_crashed_worker_judges_nothing(project: Project) -> None:
    stored(project)
    project.write(FOOTPRINTS_WORK, RENAMED, "import os\ndef test_crashes(): os._exit(1)")

    nothing_is_judged(project, "1 worker crashed", "-n2")


def test_control_c_judges_nothing(project: Project) -> None:
    stored(project)
    project.write(FOOTPRINTS_WORK, RENAMED, "def test_interrupts(): raise KeyboardInterrupt")

    nothing_is_judged(project, "the run was interrupted; 1 test did not run", run=project.run_alone)


def test_a_file_that_cannot_be_collected_judges_nothing(each_way: Project) -> None:
    stored(each_way)
    each_way.write(FOOTPRINTS_WORK, RENAMED)
    each_way.write("import nothing_of_that_name", name="test_broken")

    nothing_is_judged(each_way, "1 file could not be collected*", "--continue-on-collection-errors")


def test_a_plugin_that_drops_tests_without_a_word_judges_nothing_of_their_file(project: Project) -> None:
    stored(project)
    project.conftest("def pytest_collection_modifyitems(items): del items[1:]")

    project.run("--mem-baseline-prune").assert_outcomes(passed=1)

    assert list(project.baselines()) == ["test_kept.cpu.toml", "test_old.cpu.toml"]


@pytest.mark.parametrize("flag", ["--lf", "--sw", "--collect-only", "--setup-only", "--setup-plan"])
def test_pruning_with_an_option_that_leaves_tests_out_is_a_usage_error(
    project: Project, pytester: pytest.Pytester, flag: str
) -> None:
    stored(project)
    project.write(FOOTPRINTS_WORK, RENAMED)

    named = pytester.runpytest_inprocess(flag)
    result = pytester.runpytest_inprocess(flag, "--mem-baseline-prune")

    written = "--stepwise" if flag == "--sw" else flag
    named.stdout.no_fnmatch_line("*= stale*")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--mem-baseline-prune needs a run of all tests, so it does not go with *{written}"])
    assert len(project.baselines()) == 2


def test_failed_first_is_complete(project: Project, pytester: pytest.Pytester) -> None:
    stored(project)
    project.write(FOOTPRINTS_WORK, RENAMED)
    pytester.runpytest_inprocess()

    result = pytester.runpytest_inprocess("--ff")

    result.stdout.fnmatch_lines(["*= stale memory baselines =*", f"  {OLD}"])


def test_a_test_that_was_not_passed_keeps_its_baselines(each_way: Project) -> None:
    stored(
        each_way,
        """
        @pytest.mark.parametrize("value", [1, 2])
        def test_fails(mem_baseline, value): assert footprint(1) == mem_baseline

        def test_skipped(mem_baseline): assert footprint(1) == mem_baseline

        def test_xfails(mem_baseline): assert footprint(1) == mem_baseline

        def test_broken_set_up(mem_baseline): assert footprint(1) == mem_baseline

        def test_without_parameters(mem_baseline): assert footprint(1) == mem_baseline

        def test_second_check(mem_baseline):
            assert footprint(1) == mem_baseline
            assert footprint(1) == mem_baseline(name="second")
        """,
    )
    each_way.write(
        FOOTPRINTS_WORK,
        """
        @pytest.mark.parametrize("value", [1, 2])
        def test_fails(value): assert value > 2

        def test_skipped(): pytest.skip("no GPU")

        @pytest.mark.xfail
        def test_xfails(): assert False

        @pytest.fixture
        def broken(): raise OSError

        def test_broken_set_up(broken): pass

        @pytest.mark.parametrize("value", [])
        def test_without_parameters(value): pass

        def test_second_check(mem_baseline):
            assert footprint(1) == mem_baseline
            pytest.skip("the rest is slow")
        """,
    )
    before = each_way.baselines()
    del before["test_without_parameters.cpu.toml"]  # it had no parameters, and is a test that is gone

    result = each_way.run("--mem-baseline-prune")

    result.assert_outcomes(failed=2, skipped=3, xfailed=1, errors=1)
    assert each_way.baselines() == before


def test_a_check_that_a_passing_test_no_longer_makes_is_stale(project: Project) -> None:
    two = """
        def test_step(mem_baseline):
            assert footprint(1) == mem_baseline
            assert footprint(1) == mem_baseline(name="second")
    """
    stored(project, two)
    project.write(FOOTPRINTS_WORK, "def test_step(mem_baseline): assert footprint(1) == mem_baseline")

    project.run("--mem-baseline-prune").assert_outcomes(passed=1)

    assert list(project.baselines()) == ["test_step.cpu.toml"]


def test_a_rerun_that_passes_in_the_end_counts_as_passed(project: Project) -> None:
    stored(
        project,
        """
        def test_step(mem_baseline):
            assert footprint(1) == mem_baseline
            assert footprint(1) == mem_baseline(name="old")
        """,
    )
    project.write(
        FOOTPRINTS_WORK,
        """
        runs = []

        @pytest.mark.flaky(reruns=1)
        def test_step(mem_baseline):
            runs.append(1)
            assert footprint(1) == mem_baseline
            assert len(runs) == 2
        """,
    )

    project.run("--mem-baseline-prune").assert_outcomes(passed=1)

    assert list(project.baselines()) == ["test_step.cpu.toml"]


def test_baselines_of_other_devices_stay(each_way: Project) -> None:
    stored(
        each_way,
        """
        def test_both(mem_baseline): assert footprint(1, DEVICE) == mem_baseline

        def test_old(mem_baseline): assert footprint(1, DEVICE) == mem_baseline

        DEVICE = "cuda-h200"
        """,
    )
    each_way.write(FOOTPRINTS_WORK, "def test_both(mem_baseline): assert footprint(1) == mem_baseline")

    each_way.run("--mem-baseline-update", "--mem-baseline-prune").assert_outcomes(passed=1)

    assert list(each_way.baselines()) == ["test_both.cpu.toml", "test_both.cuda-h200.toml", "test_old.cuda-h200.toml"]


@pytest.mark.parametrize(
    ("args", "pruned"),
    [
        ((), ("a", "b", "gone")),
        ((".",), ("a", "b", "gone")),
        (("test_a.py",), ("a",)),
        (("test_a.py::test_new",), ()),
        (("test_a.py::test_kept", "test_b.py"), ("b",)),
        (("test_a.py::test_kept", "test_a.py::test_new"), ("a",)),
    ],
    ids=["all", "folder", "file", "test", "test and file", "all tests of a file"],
)
def test_only_files_that_ran_completely_are_judged(
    project: Project, args: tuple[str, ...], pruned: tuple[str, ...]
) -> None:
    for name in ("test_a", "test_b", "test_gone"):
        project.write(FOOTPRINTS_WORK, TWO_TESTS, name=name)
    project.run("--mem-baseline-update").assert_outcomes(passed=6)
    project.write(FOOTPRINTS_WORK, RENAMED, name="test_a")
    project.write(FOOTPRINTS_WORK, RENAMED, name="test_b")
    (project.path / "test_gone.py").unlink()
    folders = project.path / "__footprints__"
    before = set(folders.rglob("*.toml"))

    project.run("--mem-baseline-prune", *args)

    deleted = sorted(path.parent.name for path in before if not path.exists())
    assert set(deleted) == {f"test_{name}" for name in pruned}
    assert (folders / "test_gone").exists() == ("gone" not in pruned)


def test_files_that_are_not_collected_are_not_judged(project: Project) -> None:
    stored(project)
    project.write(FOOTPRINTS_WORK, TWO_TESTS, name="test_other")
    project.run("--mem-baseline-update")
    project.write(FOOTPRINTS_WORK, "def test_kept(mem_baseline): assert footprint(1) == mem_baseline")
    project.write("import pytest\npytest.skip('no GPU', allow_module_level=True)", name="test_other")

    project.run("--mem-baseline-prune", "--ignore=test_it.py")
    project.run("--mem-baseline-prune", "test_other.py")

    assert len(list(project.path.rglob("*.toml"))) == 4


def test_what_others_keep_in_the_folder_stays(project: Project) -> None:
    stored(project)
    folder = project.path / "__footprints__" / "test_it"
    (folder / "notes.txt").touch()
    (folder / "notes.toml").touch()
    (folder / f".123-{'0' * 16}.tmp").touch()
    (folder / f".124-{'0' * 16}.tmp").touch()
    os.utime(folder / f".124-{'0' * 16}.tmp", (0, 0))
    project.write("def test_nothing(): pass")

    project.run("--mem-baseline-prune").assert_outcomes(passed=1)

    assert sorted(path.name for path in folder.iterdir()) == [f".123-{'0' * 16}.tmp", "notes.toml", "notes.txt"]


def test_empty_folders_go_too(project: Project) -> None:
    stored(project)
    project.write("def test_nothing(): pass")

    project.run("--mem-baseline-prune").assert_outcomes(passed=1)

    assert not (project.path / "__footprints__").exists()


def test_what_cannot_be_deleted_is_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(project)
    project.write(FOOTPRINTS_WORK, "def test_kept(mem_baseline): assert footprint(1) == mem_baseline")

    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.unlink", read_only)
    result = project.run("--mem-baseline-prune")

    result.stdout.fnmatch_lines([f"cannot delete the baseline *{OLD}: Read-only file system"])
    result.stdout.no_fnmatch_line("deleted 1 *")


def test_many_are_listed_with_v(project: Project) -> None:
    many = """
        @pytest.mark.parametrize("value", range(14))
        def test_old(mem_baseline, value): assert footprint(1) == mem_baseline
    """
    stored(project, many)
    project.write("def test_nothing(): pass")

    short, long = project.run(), project.run("-v")

    short.stdout.fnmatch_lines(["14 baselines that*", "  ... and 4 more (-v shows all)", "to delete: *"])
    assert sum(line.startswith("  __footprints__") for line in short.outlines) == 10
    assert sum(line.startswith("  __footprints__") for line in long.outlines) == 14


def test_groups_of_xdist_do_not_change_where_a_baseline_lies(project: Project) -> None:
    grouped = """
        @pytest.mark.xdist_group("gpu")
        def test_kept(mem_baseline): assert footprint(1) == mem_baseline
    """
    stored(project, grouped)

    result = project.run("-n2", "--dist=loadgroup", "--mem-baseline-prune")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["nothing to delete: no stored baseline is stale"])
    assert list(project.baselines()) == ["test_kept.cpu.toml"]
