"""A wrong `max_peak_memory` marker is a collection error that names the test and what is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from user_project import Project

ACCEPTED = 'accepted: @pytest.mark.max_peak_memory("2GiB", of="total", device=None)'


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ('"2 GBfoo"', '\'2 GBfoo\' is not a byte size; write "2GiB", "500 MB" (decimal) or 1024 (bytes); units: *'),
        ('"1KiB", limit=3', "it has no keyword 'limit'; keywords: of, device"),
    ],
    ids=["size", "keyword"],
)
def test_a_wrong_marker_is_a_collection_error(each_way: Project, arguments: str, problem: str) -> None:
    each_way.write(f"""
        import pytest

        @pytest.mark.max_peak_memory({arguments})
        def test_step(): pass
    """)

    result = each_way.run()

    assert result.ret in {pytest.ExitCode.INTERRUPTED, pytest.ExitCode.TESTS_FAILED}  # xdist reports the latter
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"test_it.py::test_step: max_peak_memory: {problem}", ACCEPTED])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_a_class_marker_is_named_by_one_of_its_tests(project: Project) -> None:
    project.write("""
        import pytest

        @pytest.mark.max_peak_memory("lots")
        class TestStep:
            @pytest.mark.parametrize("size", [1, 2, 3])
            def test_it(self, size): pass
    """)

    result = project.run()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["test_it.py::TestStep::test_it[[]1]: max_peak_memory: 'lots' is not a byte size;*", "... and 2 more like it"]
    )


def test_other_files_are_still_collected(project: Project) -> None:
    project.write("import pytest\n\n@pytest.mark.max_peak_memory()\ndef test_a(): pass", name="test_a")
    project.write("def test_b(): pass", name="test_b")

    project.run("--continue-on-collection-errors").assert_outcomes(errors=1, passed=1)


def test_a_wrong_marker_that_is_added_later_fails_the_set_up_of_its_test(project: Project) -> None:
    project.conftest("""
        def pytest_collection_modifyitems(items):
            items[0].add_marker(__import__("pytest").mark.max_peak_memory("lots"))
    """)
    project.write("def test_a(): pass\n\ndef test_b(): pass")

    result = project.run()

    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(["max_peak_memory: 'lots' is not a byte size;*", ACCEPTED])
