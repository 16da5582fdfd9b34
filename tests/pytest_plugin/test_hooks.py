"""What conftest files and other plugins can hook into."""

from __future__ import annotations

import inspect

import pytest
from user_project import FOOTPRINTS_WORK, TORCH_WORKS, Project

from pytest_footprint.pytest_plugin import hookspecs

HOOKS = [name for name in vars(hookspecs) if name.startswith("pytest_footprint_")]


def test_a_conftest_is_told_of_each_footprint_once(project: Project) -> None:
    project.conftest("""
        def pytest_footprint_taken(item, footprint):
            print(f"taken: {item.name} {footprint.peak['cpu'].total}")
    """)
    project.write(
        TORCH_WORKS,
        """
        def test_tracked(mem_tracker): allocate(2 * KIB)

        @pytest.mark.max_peak_memory("1KiB")
        def test_limited(): allocate(3 * KIB)

        def test_not_tracked(): allocate(KIB)
        """,
    )

    result = project.run("-s")

    taken = [line.partition("taken: ")[2].removesuffix(".") for line in result.outlines if "taken: " in line]
    assert [line.rstrip("F") for line in taken] == ["test_tracked 2 KiB", "test_limited 3 KiB"]


def test_a_conftest_is_told_of_each_comparison(project: Project) -> None:
    project.conftest("""
        def pytest_footprint_compared(item, path, value, comparison):
            changes = "nothing stored" if comparison is None else len(comparison.changes)
            print(f"compared: {item.name} {path.name} {value.peak['cpu'].total}: {changes}.")
    """)
    outcomes = []

    for size, flag in ((1024, "--mem-baseline-update"), (1024, "-s"), (2048, "-s")):
        project.write(FOOTPRINTS_WORK, f"def test_it(mem_baseline): assert footprint({size}) == mem_baseline")
        lines = project.run("-s", flag).outlines
        outcomes += [line.partition("compared: ")[2].partition(".F")[0] for line in lines if "compared: " in line]

    said = "test_it test_it.cpu.toml"
    assert [line.rstrip(".") for line in outcomes] == [
        f"{said} 5 KiB: nothing stored",
        f"{said} 5 KiB: 0",
        f"{said} 6 KiB: 2",  # the peak, and what is alive at it
    ]


def test_a_conftest_chooses_which_machines_share_a_baseline(each_way: Project) -> None:
    each_way.conftest("""
        from pytest_footprint import Footprint

        def pytest_footprint_device_key(item, value):
            return "rank 0/8" if isinstance(value, Footprint) else None
    """)
    each_way.write(
        FOOTPRINTS_WORK,
        """
        def test_it(mem_baseline):
            assert footprint(1024) == mem_baseline
            assert Hierarchy(("A",)) == mem_baseline(name="order")
        """,
    )

    each_way.run("--mem-baseline-update").assert_outcomes(passed=1)
    result = each_way.run("--mem-baseline-prune")

    result.assert_outcomes(passed=1)
    assert list(each_way.baselines()) == ["test_it.order.any.toml", "test_it.rank 0%2F8.toml"]


def test_a_conftest_adds_columns_to_the_report(each_way: Project) -> None:
    each_way.conftest("""
        def pytest_footprint_report_columns(item, footprint):
            return {"tensors": len(footprint.at_peak), "owner": "us"} if item.name == "test_a" else None
    """)
    each_way.write(TORCH_WORKS, "def test_a(mem_tracker): allocate(2 * KIB)\n\ndef test_b(mem_tracker): allocate(KIB)")

    result = each_way.run("--mem-report")

    result.stdout.fnmatch_lines(
        [
            "test  *peak  largest * tensors  owner  verdict",
            "test_it.py::test_a  cpu 2 KiB  * 1  *us  *passed",
            "test_it.py::test_b  cpu 1 KiB  * passed",
        ]
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "return 'us'",
            "pytest_footprint_report_columns returned 'us', a str, and not a dict of header -> cell; it is in*",
        ),
        ("raise KeyError('owner')", "*raised for pytest_footprint_report_columns; it is in *conftest.py"),
    ],
    ids=["no dict", "raises"],
)
def test_columns_that_are_none_fail_their_test_alone(each_way: Project, body: str, said: str) -> None:
    each_way.conftest(f"""
        def pytest_footprint_report_columns(item, footprint):
            if item.name == "test_a":
                {body}
    """)
    each_way.write(TORCH_WORKS, "def test_a(mem_tracker): allocate(2 * KIB)\n\ndef test_b(mem_tracker): allocate(KIB)")

    result = each_way.run("--mem-report")

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines([said])
    result.stdout.fnmatch_lines(["test_it.py::test_a  cpu 2 KiB  * failed", "test_it.py::test_b  cpu 1 KiB  * passed"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_a_test_is_read_at_its_end_only_when_somebody_wants_to_know(project: Project) -> None:
    project.write(
        TORCH_WORKS,
        """
        from pytest_footprint.pytest_plugin.recording import RECORDING

        @pytest.fixture(autouse=True)
        def _after(request):
            yield
            print("read:", request.node.stash[RECORDING].footprint is not None)

        def test_it(mem_tracker): allocate(KIB)
        """,
    )

    unasked = project.run("-s")
    project.conftest("def pytest_footprint_taken(item): pass")
    asked = project.run("-s")

    unasked.stdout.fnmatch_lines(["*read: False"])
    asked.stdout.fnmatch_lines(["*read: True"])


def test_a_hook_that_does_not_exist_is_an_error(project: Project) -> None:
    project.conftest("def pytest_footprint_takes(item): pass")

    result = project.run()

    assert result.ret != pytest.ExitCode.OK
    assert "unknown hook 'pytest_footprint_takes'" in result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize("name", HOOKS)
def test_the_arguments_of_each_hook_are_documented(name: str) -> None:
    hook = getattr(hookspecs, name)
    text = inspect.getdoc(hook) or ""

    assert [argument for argument in inspect.signature(hook).parameters if f"\n    {argument}: " not in text] == []
