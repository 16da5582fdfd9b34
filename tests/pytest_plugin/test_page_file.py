"""`--mem-html`: the page of a run."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest
from user_project import TORCH_WORKS, Project


def views(page: Path) -> dict[str, Any]:
    """What the page is given of each test, by the name of its function."""
    found = re.findall(r'<script type="application/json" id="data-\d+">(.*?)</script>', page.read_text("utf-8"))
    return {view["test"].partition("::")[2]: view for view in map(json.loads, found)}


def course(footprint: Any) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(footprint["course"])))


TRACKED = """
    def step(nbytes): return allocate(nbytes).sum()


    def test_compares(mem_tracker, mem_baseline):
        mem_tracker.mark("begun")
        assert mem_tracker.run(step, 4 * KIB) == mem_baseline


    @pytest.mark.max_peak_memory("2KiB")
    def test_limit(): allocate(3 * KIB)


    def test_fails(mem_tracker):
        mem_tracker.run(step, KIB)
        assert False, "</script> for another reason"


    def test_is_not_tracked(): pass
"""


def test_each_footprint_has_its_course_and_the_failures_their_text(each_way: Project) -> None:
    each_way.write(TORCH_WORKS, TRACKED)

    result = each_way.run("--mem-html=page.html", "--mem-baseline-update")

    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["*page of this run: page.html*"])
    found = views(each_way.path / "page.html")
    assert set(found) == {"test_compares", "test_limit", "test_fails"}
    compares = {each["name"]: each for each in found["test_compares"]["footprints"]}
    assert set(compares) == {"test", "check"}
    assert [mark for mark, _ in course(compares["test"])["marks"]] == ["begun"]
    assert 4096 in course(compares["check"])["bytes"]
    assert found["test_limit"]["headline"].startswith("cpu peak is 3 KiB, 1 KiB over the limit of 2 KiB")
    assert found["test_limit"]["limits"][0]["exceeded"]
    assert "for another reason" in found["test_fails"]["failure"]
    text = (each_way.path / "page.html").read_text("utf-8")
    assert "1 of 3 tests failed for its memory, 1 more failed for another reason." in text
    assert "1 test of this run took nothing that was tracked" in text


COMPARED = """
    def test_step(mem_tracker, mem_baseline):
        assert mem_tracker.run(lambda: allocate({kib} * KIB).sum()) == mem_baseline
"""


def test_what_differs_stands_beside_its_baseline_with_the_course_of_the_run_before(each_way: Project) -> None:
    each_way.write(TORCH_WORKS, COMPARED.format(kib=4))
    each_way.run("--mem-html=page.html", "--mem-baseline-update", "-p", "cacheprovider")
    each_way.write(TORCH_WORKS, COMPARED.format(kib=8))

    each_way.run("--mem-html=page.html", "-p", "cacheprovider").assert_outcomes(failed=1)

    [view] = views(each_way.path / "page.html").values()
    check = view["footprints"][view["first"]]
    assert view["headline"].startswith("memory differs from its baseline: cpu peak +4 KiB")
    assert check["name"] == "check"
    assert check["baseline"]["peak"]["cpu"]["total"] == 4096 + 4
    assert check["changes"][0] == {
        "signal": "peak",
        "what": "cpu total",
        "before": 4100,
        "after": 8196,
        "difference": "+4 KiB",
        "percent": "+100 %",
    }
    assert 4096 in course(check["baseline"])["bytes"]
    assert 8192 in course(check)["bytes"]


def test_a_course_is_forgotten_when_the_baseline_is_another(project: Project) -> None:
    project.write(TORCH_WORKS, COMPARED.format(kib=4))
    project.run("--mem-html=page.html", "--mem-baseline-update", "-p", "cacheprovider")
    project.write(TORCH_WORKS, COMPARED.format(kib=2))
    project.run("--mem-baseline-update")
    project.write(TORCH_WORKS, COMPARED.format(kib=8))

    project.run("--mem-html=page.html", "-p", "cacheprovider").assert_outcomes(failed=1)

    [view] = views(project.path / "page.html").values()
    assert view["footprints"][view["first"]]["baseline"]["course"] == ""


def test_an_interrupted_run_writes_what_there_is(project: Project) -> None:
    interrupted = """
        def test_a(mem_tracker): allocate(KIB)
        def test_b(mem_tracker): raise KeyboardInterrupt
    """
    project.write(TORCH_WORKS, interrupted)

    project.run_alone("--mem-html=page.html")

    assert "test_a" in views(project.path / "page.html")
    assert "stopped before all of its tests ran" in (project.path / "page.html").read_text("utf-8")


def test_the_ini_value_is_a_path_from_the_root(project: Project) -> None:
    project.ini("mem_html = out/page.html")
    project.write(TORCH_WORKS, "    def test_a(mem_tracker): allocate(KIB)\n")

    project.run().assert_outcomes(passed=1)

    assert "test_a" in views(project.path / "out" / "page.html")


def test_a_path_that_cannot_be_written_is_a_usage_error(project: Project) -> None:
    project.write("def test_a(): pass\n")
    (project.path / "folder").mkdir()

    result = project.run("--mem-html=folder")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--mem-html: cannot write folder: it is a folder; give a file *"])


def test_the_page_and_the_json_of_one_run_go_together(project: Project) -> None:
    project.write(TORCH_WORKS, "    def test_a(mem_tracker): mem_tracker.run(allocate, KIB)\n")

    project.run("--mem-html=page.html", "--mem-json=run.json").assert_outcomes(passed=1)

    assert "course" not in (project.path / "run.json").read_text("utf-8")
    assert len(views(project.path / "page.html")["test_a"]["footprints"]) == 2


def test_without_the_option_no_course_is_read(project: Project) -> None:
    unread = """
        import sys

        def test_a(mem_tracker, request):
            mem_tracker.run(allocate, KIB)
            assert mem_tracker.on_reading is None
            assert "pytest_footprint.report.page" not in sys.modules
            assert "jinja2" not in sys.modules
    """
    project.write(TORCH_WORKS, unread)

    project.run_alone("--mem-report", "--mem-json=run.json").assert_outcomes(passed=1)


def test_the_page_does_not_replace_the_file_for_machines(project: Project) -> None:
    project.write("def test_it(): pass")

    result = project.run("--mem-json=run", "--mem-html=./run")

    result.stderr.fnmatch_lines(["ERROR: --mem-json and --mem-html: both name run, and *; name two files"])
    assert not (project.path / "run").exists()
