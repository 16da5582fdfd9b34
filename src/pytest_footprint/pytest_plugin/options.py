"""The options: declared once, for pytest, for ``--help`` and for the page that lists them (``docs/options.md``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pytest

VERBOSITY = "footprint"
SORTS = ("peak", "limit", "name")


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that users can set."""

    name: str
    """Where pytest keeps it."""
    flag: str
    """On the command line; ``""`` when it is in the ini file only."""
    about: str
    """What it does."""
    default: str
    """In words."""
    metavar: str = ""
    """What stands behind the flag; ``""`` when nothing does."""
    ini: str = ""
    """Its name in the ini file; ``""`` when it has none."""
    ini_type: Literal["string", "bool"] = "string"
    ini_default: object = ""
    code: tuple[str, ...] = ()
    """How tests or conftest files say it, which goes first."""

    @property
    def help(self) -> str:
        """What ``--help`` says."""
        ini = f"ini: {self.ini}; " if self.ini else ""
        return f"{self.about} ({ini}default: {self.default})".replace("%", "%%")


OPTIONS = (
    Option(
        "mem_max_peak_memory",
        "--max-peak-memory",
        'fail each test whose tensors take more than SIZE ("2GiB", "500 MB") at once;'
        " the marker max_peak_memory of a test goes first",
        "no limit",
        metavar="SIZE",
        ini="max_peak_memory",
        code=('@pytest.mark.max_peak_memory("2GiB", of="total", device=None)',),
    ),
    Option(
        "mem_baseline_update",
        "--mem-baseline-update",
        "write new and changed memory baselines instead of failing, and print old -> new;"
        " snapshots of other plugins stay as they are",
        "off",
    ),
    Option(
        "mem_baseline_prune",
        "--mem-baseline-prune",
        "delete the baselines that no test of this run asks for, and list them; a run that is not complete"
        " (-k, -x, a crash) deletes nothing",
        "off: they are listed",
    ),
    Option(
        "mem_tolerance",
        "--mem-tolerance",
        'how far a byte count may be from its baseline: "2%", 0.02 or "1MiB"',
        "0, tracked bytes do not depend on timing",
        metavar="TOLERANCE",
        ini="mem_tolerance",
        code=('mem_baseline(tolerance="2%")', 'mem_baseline.with_defaults(tolerance="2%")'),
    ),
    Option("mem_all", "--mem-all", "track every test that touches torch, without changing it", "off"),
    Option(
        "mem_inside_ops",
        "--mem-inside-ops",
        "count also what operators take and give back inside themselves; it depends on kernels and threads,"
        " so keep it out of baselines",
        "off",
        ini="mem_inside_ops",
        ini_type="bool",
        ini_default=False,
        code=("MemTracker(inside_ops=True)",),
    ),
    Option(
        "mem_report",
        "--mem-report",
        "print a table of every tracked test: peak, its largest reference type, limit, verdict",
        "off",
    ),
    Option(
        "mem_report_sort",
        "--mem-report-sort",
        "order of the table: the highest peak first, the nearest to its limit first, or by name; asks for --mem-report",
        "peak",
        metavar=f"{{{','.join(SORTS)}}}",
        ini="mem_report_sort",
    ),
    Option(
        "mem_report_top",
        "--mem-report-top",
        "show only the first N lines of the table (0 for all); asks for --mem-report",
        "0",
        metavar="N",
        ini="mem_report_top",
    ),
    Option(
        "mem_json",
        "--mem-json",
        "write the whole run to PATH as JSON, for `pytest-footprint compare` and other programs: footprints,"
        " limits and baseline checks of every test; in the ini file the path is from the root directory",
        "no file",
        metavar="PATH",
        ini="mem_json",
    ),
    Option(
        "mem_html",
        "--mem-html",
        "write one page to PATH that shows the memory of every tracked test over its events, what was alive, and how"
        " it differs from its baseline; it needs no network; in the ini file the path is from the root directory",
        "no file",
        metavar="PATH",
        ini="mem_html",
    ),
    Option(
        "mem_trace",
        "--mem-trace",
        "write what was recorded of each tracked test below the folder DIR: a trace for `pytest-footprint replay`, JSON"
        " for ui.perfetto.dev and chrome://tracing, and a snapshot for pytorch.org/memory_viz; files of the same tests"
        " are replaced; in the ini file the path is from the root directory",
        "no traces",
        metavar="DIR",
        ini="mem_trace",
    ),
    Option(
        "mem_rank_timeout",
        "--mem-rank-timeout",
        "how many seconds a check waits for the other ranks of a run under torchrun, before it fails on all of them",
        "120",
        metavar="SECONDS",
        ini="mem_rank_timeout",
        ini_default="120",
    ),
    Option(
        "mem_junit",
        "",
        "add peak and end of tracked tests to the JUnit properties",
        "off",
        ini="mem_junit",
        ini_type="bool",
        ini_default=False,
    ),
    Option(
        f"verbosity_{VERBOSITY}",
        "",
        "how much failures and tables of memory show; auto follows -v and -q",
        "auto",
        ini=f"verbosity_{VERBOSITY}",
        ini_default="auto",
    ),
)


def add_options(parser: pytest.Parser) -> None:
    """Register the command line options and ini values."""
    group = parser.getgroup("footprint", "tensor memory and module structure (pytest-footprint)")
    for option in OPTIONS:
        # "Not given" is None, so that the ini file has its turn.
        if option.metavar:
            group.addoption(option.flag, dest=option.name, metavar=option.metavar, default=None, help=option.help)
        elif option.flag:
            group.addoption(option.flag, dest=option.name, action="store_true", default=None, help=option.help)
        if option.ini:
            about = f"default of {option.flag}" if option.flag else option.about
            parser.addini(option.ini, about, type=option.ini_type, default=option.ini_default)
