"""``--mem-report`` and the header of a run, as users see them."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from user_project import FOOTPRINTS_WORK, TORCH_WORKS, Project

THREE_TESTS = """
    @pytest.mark.max_peak_memory("8KiB")
    def test_b_middle(): allocate(6 * KIB)

    def test_c_highest(mem_tracker): allocate(7 * KIB)

    @pytest.mark.max_peak_memory("1KiB")
    def test_a_over(): allocate(2 * KIB)
"""


def order(result: pytest.RunResult) -> list[str]:
    """Tests in the order in which the report lists them."""
    start = next(at for at, line in enumerate(result.outlines) if "memory of tracked tests" in line)
    rows = [line.split("::")[1].split()[0] for line in result.outlines[start:] if line.startswith("test_it.py::")]
    return [row.removeprefix("test_") for row in rows]


@pytest.mark.parametrize(
    ("ini", "args", "expected"),
    [
        ((), ("--mem-report",), ["c_highest", "b_middle", "a_over"]),
        ((), ("--mem-report-sort=limit",), ["a_over", "b_middle", "c_highest"]),
        ((), ("--mem-report-sort", "name"), ["a_over", "b_middle", "c_highest"]),
        ((), ("--mem-report-top=1",), ["c_highest"]),
        (("mem_report_top = 2", "mem_report_sort = name"), ("--mem-report",), ["a_over", "b_middle"]),
        (("mem_report_top = 2",), ("--mem-report-top=0",), ["c_highest", "b_middle", "a_over"]),
    ],
    ids=["by default", "limit", "name", "top", "ini", "option over ini"],
)
def test_the_report_is_sorted_and_cut(
    project: Project, ini: tuple[str, ...], args: tuple[str, ...], expected: list[str]
) -> None:
    project.ini(*ini)
    project.write(TORCH_WORKS, THREE_TESTS)

    result = project.run(*args)

    assert order(result) == expected
    if left := 3 - len(expected):
        result.stdout.fnmatch_lines([f"... and {left} more (--mem-report-top=0 shows all)"])


def test_the_report_of_workers_is_that_of_one_process(project: Project) -> None:
    project.write(TORCH_WORKS, THREE_TESTS)

    assert order(project.run("--mem-report", "-n2")) == order(project.run("--mem-report"))


@pytest.mark.parametrize(
    ("arg", "message"),
    [
        ("--mem-report-sort=size", "*--mem-report-sort: 'size' is not an order; write peak, limit or name"),
        ("--mem-report-top=-1", "*--mem-report-top: '-1' is not a number of lines; write 0 for all of them, or 10"),
        ("--mem-report-top=ten", "*--mem-report-top: 'ten' is not a number of lines;*"),
    ],
)
def test_a_wrong_order_or_number_is_a_usage_error(project: Project, arg: str, message: str) -> None:
    result = project.run(arg)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


@pytest.mark.parametrize("columns", ["60", "80"])
def test_tables_fit_the_screen(project: Project, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    project.write(
        TORCH_WORKS,
        FOOTPRINTS_WORK,
        """
        @pytest.mark.max_peak_memory("1MiB", of="activations", device="cpu")
        @pytest.mark.parametrize("value", ["with-a-rather-long-name-of-its-parameters"])
        def test_a_step_of_the_whole_training_loop_keeps_its_footprint(mem_baseline, value):
            allocate(KIB)
            assert footprint(KIB) == mem_baseline
        """,
    )

    result = project.run("--mem-report", "--mem-baseline-update")

    start = next(at for at, line in enumerate(result.outlines) if "memory baselines written" in line)
    assert max(map(len, result.outlines[start:])) <= int(columns)
    result.stdout.fnmatch_lines(
        ["*-> *cpu peak 5 KiB", "1 baseline written: 1 new", "test_it.py*parameters]*cpu 1 KiB*passed"]
    )


@pytest.mark.parametrize(
    ("env", "args", "coloured"),
    [
        ({}, ("--color=yes",), True),
        ({}, ("--color=no",), False),
        ({"NO_COLOR": "1"}, (), False),
        ({"FORCE_COLOR": "1"}, (), True),
    ],
    ids=["yes", "no", "NO_COLOR", "FORCE_COLOR"],
)
def test_verdicts_have_colours_where_those_are_wanted(
    project: Project, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], args: tuple[str, ...], *, coloured: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "PY_COLORS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    project.write(TORCH_WORKS, THREE_TESTS)

    text = project.run("--mem-report", *args).stdout.str()

    assert ("\x1b[32mpassed\x1b[0m" in text) == coloured
    assert ("\x1b[31mover the limit\x1b[0m" in text) == coloured


def test_verbosity_decides_how_much_is_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    project.write(
        TORCH_WORKS,
        """
        def test_step(mem_tracker):
            model = torch.nn.Sequential(torch.nn.Linear(64, 64))
            model(torch.ones(2, 64)).sum().backward()
        """,
    )
    headers = {
        flag: next(line for line in project.run("--mem-report", flag).outlines if line.startswith("test  "))
        for flag in ("-q", "-pno:nothing", "-v")
    }

    assert headers["-q"].split() == ["test", "peak", "verdict"]
    assert headers["-pno:nothing"].split() == ["test", "peak", "largest", "verdict"]
    assert headers["-v"].split() == ["test", "peak", "largest", "module", "verdict"]


def test_an_update_is_one_line_with_q(project: Project) -> None:
    project.write(FOOTPRINTS_WORK, "def test_step(mem_baseline): assert footprint(1) == mem_baseline")
    project.run("--mem-baseline-update")
    project.write(FOOTPRINTS_WORK, "def test_step(mem_baseline): assert footprint(4097) == mem_baseline")

    result = project.run("--mem-baseline-update", "-q")

    result.stdout.fnmatch_lines(["1 baseline written: 1 changed; changed peaks 4 KiB -> 8 KiB (+4 KiB, +100 %)"])
    result.stdout.no_fnmatch_line("*__footprints__*")


MIXED = """
    def test_memory(mem_tracker): pass

    def test_modules(mod_tracker): pass

    @pytest.mark.max_peak_memory("1GiB")
    def test_limit(): pass

    def test_nothing(): pass
"""


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ((), "records: memory of 2 tests, modules of 1 test; tolerance: 0%"),
        (("-k", "modules", "--mem-tolerance=2%"), "records: modules of 1 test; tolerance: 2%"),
        (
            ("--mem-all", "--mem-inside-ops"),
            "records: memory of every test that touches torch (inside operators too), modules of 1 test; tolerance: 0%",
        ),
        (
            ("--max-peak-memory=2GiB", "-k", "nothing"),
            "records: memory of every test; tolerance: 0%; limit: 2 GiB",
        ),
    ],
    ids=["fixtures and markers", "selected", "all", "limit"],
)
def test_the_header_says_what_is_recorded(project: Project, args: tuple[str, ...], line: str) -> None:
    project.write(TORCH_WORKS, MIXED)

    result = project.run(*args, "--collect-only")

    assert f"footprint: torch {version('torch')}; {line}" in result.outlines


@pytest.mark.parametrize("args", [("-k", "nothing"), ("-q",)], ids=["not used", "-q"])
def test_there_is_no_header_where_nothing_is_recorded_or_all_is_quiet(project: Project, args: tuple[str, ...]) -> None:
    project.write(TORCH_WORKS, MIXED)

    project.run(*args, "--collect-only").stdout.no_fnmatch_line("footprint: *")


def test_with_workers_the_header_says_what_options_record(project: Project) -> None:
    project.write("def test_nothing(): pass")

    with_option, without = project.run("-n1", "--mem-all"), project.run("-n1")

    with_option.stdout.fnmatch_lines(["footprint: torch *; records: memory of every test that touches torch; *"])
    without.stdout.no_fnmatch_line("footprint: *")
