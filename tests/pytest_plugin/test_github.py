"""What GitHub Actions are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from user_project import FOOTPRINTS_WORK, TORCH_WORKS, Project

FAILING = """
    def test_own_failure(mem_baseline):
        assert footprint(1024) == mem_baseline
        assert False, "its own"

    @pytest.mark.parametrize("odd", ["a|b:c,d%"])
    def test_differs(mem_baseline, odd):
        assert footprint(SIZE) == mem_baseline
"""


@pytest.fixture
def summary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (tmp_path / "summary.md").write_text("# of another tool\n")
    return tmp_path / "summary.md"


def write_and_store(project: Project) -> None:
    project.write(FOOTPRINTS_WORK, "SIZE = 1024", FAILING)
    project.run("--mem-baseline-update")
    project.write(FOOTPRINTS_WORK, "SIZE = 3072", FAILING)


def test_a_failure_for_memory_is_annotated_at_the_test_and_in_the_summary(each_way: Project, summary: Path) -> None:
    write_and_store(each_way)
    summary.write_text("# of another tool\n")

    result = each_way.run()

    [line] = [line for line in result.outlines if line.startswith("::")]
    assert line.startswith(
        "::error file=test_it.py,line=20,title=memory%3A test_it.py%3A%3Atest_differs[a|b%3Ac%2Cd%25]"
        "::memory differs from its baseline: cpu peak +2 KiB (+40 %25): activations%0A"
    )
    assert line.endswith("--mem-baseline-update")
    text = summary.read_text("utf-8")
    assert text.startswith(
        "# of another tool\n"
        "### Memory: 1 test failed\n"
        "\n"
        "| test | why it failed |\n"
        "|---|---|\n"
        r"| `test_it.py::test_differs[a\|b:c,d%]` | memory differs from its baseline: cpu peak +2 KiB (+40 %): "
        "activations |\n"
        "\n"
        "<details><summary>test_it.py::test_differs[a|b:c,d%]</summary>\n"
        "\n"
        "```text\n"
        "memory differs from its baseline: cpu peak +2 KiB"
    )


def test_tracked_tests_are_a_table_with_the_highest_peak_first(each_way: Project, summary: Path) -> None:
    each_way.write(
        TORCH_WORKS,
        """
        @pytest.mark.max_peak_memory("2KiB")
        @pytest.mark.parametrize("kib", [1, 3, 2])
        def test_it(kib): allocate(kib * KIB)
        """,
    )

    result = each_way.run()

    [line] = [line for line in result.outlines if line.startswith("::")]
    assert "::cpu peak is 3 KiB, 1 KiB over the limit of 2 KiB (+50 %25) from @pytest.mark" in line
    text = summary.read_text("utf-8")
    assert "### Memory: 1 test failed, 3 tests tracked\n" in text
    assert text.endswith(
        "| test | peak | largest | limit | verdict |\n"
        "|---|--:|---|--:|---|\n"
        "| `test_it.py::test_it[3]` | cpu 3 KiB | temporaries 3 KiB | 2 KiB | over the limit |\n"
        "| `test_it.py::test_it[2]` | cpu 2 KiB | temporaries 2 KiB | 2 KiB | passed |\n"
        "| `test_it.py::test_it[1]` | cpu 1 KiB | temporaries 1 KiB | 2 KiB | passed |\n"
        "\n"
    )


def test_files_are_named_from_the_top_of_the_repository(
    project: Project, summary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.path.parent))
    write_and_store(project)

    result = project.run()

    result.stdout.fnmatch_lines([f"::error file={project.path.name}/test_it.py,line=20,*"])


@pytest.mark.usefixtures("summary")
def test_expected_and_repeated_failures_are_not_annotated(each_way: Project) -> None:
    each_way.write(
        FOOTPRINTS_WORK,
        """
        runs = []

        @pytest.mark.xfail
        def test_xfails(mem_baseline):
            assert footprint(1) == mem_baseline

        @pytest.mark.flaky(reruns=1)
        def test_passes_at_last(mem_baseline):
            runs.append(1)
            assert len(runs) > 1 or footprint(1) == mem_baseline
        """,
    )

    result = each_way.run()

    assert result.parseoutcomes() == {"xfailed": 1, "passed": 1, "rerun": 1}
    result.stdout.no_fnmatch_line("::error*")


@pytest.mark.usefixtures("summary")
def test_a_run_that_measures_nothing_tells_github_nothing(project: Project, summary: Path) -> None:
    project.write("def test_it(): assert False")

    result = project.run()

    result.stdout.no_fnmatch_line("::error*")
    assert summary.read_text("utf-8") == "# of another tool\n"


def test_a_summary_that_cannot_be_written_is_told_and_fails_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.path))
    project.write(TORCH_WORKS, "def test_it(): allocate(KIB)")

    result = project.run("--max-peak-memory=1GiB")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["cannot append to GITHUB_STEP_SUMMARY *; the tests are not concerned"])


def test_nothing_is_told_where_github_does_not_listen(project: Project) -> None:
    write_and_store(project)

    project.run().stdout.no_fnmatch_line("::error*")
