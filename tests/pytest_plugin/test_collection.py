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
        [
            "test_it.py::TestStep::test_it[[]1] (and 2 more of its parameters): max_peak_memory: 'lots' is not a *",
            ACCEPTED,
        ]
    )


def test_every_wrong_marker_is_told_at_once(each_way: Project) -> None:
    each_way.write("""
        import pytest

        @pytest.mark.max_peak_memory("lots")
        def test_a(): pass

        def test_fine(): pass

        @pytest.mark.max_peak_memory("2GiB", of="everything")
        def test_b(): pass

        class TestC:
            @pytest.mark.max_peak_memory()
            def test_c(self): pass

            class TestD:
                @pytest.mark.max_peak_memory("1KiB", device="gpu")
                def test_d(self): pass
    """)
    each_way.write("import pytest\n\n@pytest.mark.max_peak_memory(-1)\ndef test_e(): pass", name="test_other")

    result = each_way.run()

    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines_random(["test_other.py::test_e: max_peak_memory: -1 is not a byte size;*"])
    result.stdout.fnmatch_lines(
        [
            "test_it.py::test_a: max_peak_memory: 'lots' is not a byte size;*",
            "test_it.py::test_b: max_peak_memory: of='everything' is not one of total, *",
            "test_it.py::TestC::test_c: max_peak_memory: it takes one size, and the rest by keyword; sizes given: none",
            "test_it.py::TestC::TestD::test_d: max_peak_memory: device='gpu' is not a device; *",
            ACCEPTED,
        ],
        consecutive=True,
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
