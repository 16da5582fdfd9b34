from __future__ import annotations

import pytest
from user_project import TORCH_WORKS, Project

PRINT_SETTINGS = """
    from pytest_footprint.pytest_plugin.settings import SETTINGS

    def test_settings(request):
        settings = request.config.stash[SETTINGS]
        print(f"limit={settings.limit} tolerance={settings.tolerance} verbose={settings.verbose}")
"""


@pytest.mark.parametrize(
    ("ini", "args", "expected"),
    [
        pytest.param((), (), "limit=None tolerance=0% verbose=False", id="default"),
        pytest.param(("max_peak_memory = 1KiB", "mem_tolerance = 2%"), (), "limit=1 KiB tolerance=2%", id="ini"),
        pytest.param(
            ("max_peak_memory = 1KiB", "mem_tolerance = 2%"),
            ("--max-peak-memory=2KiB", "--mem-tolerance=0"),
            "limit=2 KiB tolerance=0%",
            id="command line over ini",
        ),
        pytest.param(
            ("max_peak_memory = 1KiB", "mem_tolerance = 2%"),
            ("--max-peak-memory=", "--mem-tolerance="),
            "limit=None tolerance=0%",
            id="empty on the command line",
        ),
        pytest.param(("max_peak_memory =", "mem_tolerance ="), (), "limit=None tolerance=0%", id="empty ini"),
        pytest.param((), ("-v",), "verbose=True", id="-v"),
        pytest.param(("verbosity_footprint = 1",), (), "verbose=True", id="verbosity ini"),
        pytest.param(("verbosity_footprint = 0",), ("-v",), "verbose=False", id="verbosity ini over -v"),
    ],
)
def test_command_line_goes_over_ini_over_default(
    project: Project, ini: tuple[str, ...], args: tuple[str, ...], expected: str
) -> None:
    project.ini(*ini)
    project.write(PRINT_SETTINGS)

    result = project.run("-rP", *args)

    result.stdout.fnmatch_lines([f"*{expected}*"])


@pytest.mark.parametrize(
    ("ini", "args", "message"),
    [
        pytest.param((), ("--max-peak-memory=2GBB",), "*--max-peak-memory: '2GBB' is not a byte size;*"),
        pytest.param(("max_peak_memory = lots",), (), "*ini max_peak_memory: 'lots' is not a byte size;*"),
        pytest.param((), ("--mem-tolerance=2",), "*--mem-tolerance: '2' is not a tolerance;*"),
        pytest.param(("mem_tolerance = -1%",), (), "*ini mem_tolerance: '-1%' is not a tolerance;*"),
        pytest.param(
            ("verbosity_footprint = abc",),
            (),
            "*ini verbosity_footprint: 'abc' is not a verbosity; write auto, or a number such as -1, 0 or 2",
        ),
        pytest.param(
            ("mem_inside_ops = maybe",), (), "*ini mem_inside_ops: invalid truth value 'maybe'; write true or false"
        ),
        pytest.param(("mem_junit = ja",), (), "*ini mem_junit: invalid truth value 'ja'; write true or false"),
    ],
    ids=["limit option", "limit ini", "tolerance option", "tolerance ini", "verbosity ini", "inside ini", "junit ini"],
)
def test_a_wrong_value_is_a_usage_error_that_names_the_option(
    each_way: Project, ini: tuple[str, ...], args: tuple[str, ...], message: str
) -> None:
    each_way.ini(*ini)
    each_way.write(PRINT_SETTINGS)

    result = each_way.run(*args)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


@pytest.mark.skipif(pytest.version_tuple < (9, 0), reason="pytest 8 reads no [tool.pytest]")
@pytest.mark.parametrize("name", ["max_peak_memory", "verbosity_footprint"])
def test_a_number_in_native_toml_is_a_usage_error_that_shows_it(
    project: Project, pytester: pytest.Pytester, name: str
) -> None:
    pytester.makepyprojecttoml(f"[tool.pytest]\n{name} = 1024")
    (project.path / "tox.ini").unlink()
    project.write(PRINT_SETTINGS)

    result = project.run("-p", "no:asyncio")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{name}*expects a string, got int: 1024*"])


def test_help_lists_every_option_and_ini_value(project: Project) -> None:
    result = project.run("--help")

    result.stdout.fnmatch_lines(
        [
            "*--max-peak-memory=SIZE*",
            "*--mem-baseline-update*",
            "*--mem-tolerance=TOLERANCE*",
            "*--mem-all*",
            "*--mem-report*",
            "*--mem-json=PATH*",
            "*max_peak_memory (string):*",
            "*mem_tolerance (string):*",
            "*mem_json (string):*",
            "*mem_junit (bool):*",
            "*verbosity_footprint*",
        ]
    )


def test_the_marker_is_known_under_strict_markers(project: Project) -> None:
    project.write(TORCH_WORKS, "@pytest.mark.max_peak_memory('1GiB')\ndef test_it(): allocate(KIB)")

    project.run("--strict-markers").assert_outcomes(passed=1)
    project.run("--markers").stdout.fnmatch_lines(['@pytest.mark.max_peak_memory("2GiB", of="total", device=None):*'])


@pytest.mark.parametrize(("option", "what"), [("--mem-json", "file"), ("--mem-trace", "folder")])
def test_a_path_that_is_empty_is_a_usage_error_where_there_is_nothing_to_take_back(
    project: Project, option: str, what: str
) -> None:
    ini = option.removeprefix("--").replace("-", "_")
    message = f"ERROR: {option}: no {what} is named, and there is no ini {ini} to take back; was a variable empty?"

    result = project.run(f"{option}=")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])

    project.ini(f"{ini} = somewhere")
    assert project.run(f"{option}=").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert not (project.path / "somewhere").exists()
