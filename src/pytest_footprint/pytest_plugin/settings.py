"""Options and ini values, read once into one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from pytest_footprint.model.tolerance import Tolerance
from pytest_footprint.pytest_plugin.limit import Limit

VERBOSITY = "footprint"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user asked of this run."""

    update: bool
    """Write new and changed baselines, by our flag or by syrupy's."""
    tolerance: Tolerance
    limit: Limit | None
    """For every test without a marker of its own."""
    track_all: bool
    inside_ops: bool
    """Count what operators take and give back inside themselves."""
    report: bool
    verbose: bool
    """Show failures in full."""
    json: Path | None = None
    """Where the whole run is written for machines, absolute."""
    junit: bool = False
    """Add peak and end of each tracked test to its JUnit properties."""

    @property
    def reads_every_test(self) -> bool:
        """Whether somebody looks at the whole footprint of each tracked test."""
        return self.track_all or self.report or self.junit or self.json is not None

    @classmethod
    def from_config(cls, config: pytest.Config) -> Settings:
        """Read command line over ini over default.

        Raises:
            pytest.UsageError: a value is not what its option takes; the message names the option.
        """
        size, limit_rule = _value(config, "mem_max_peak_memory", "max_peak_memory")
        tolerance, tolerance_rule = _value(config, "mem_tolerance", "mem_tolerance")
        try:
            limit = Limit.of_every_test(size, limit_rule) if size else None
        except ValueError as problem:
            msg = f"{limit_rule}: {problem}"
            raise pytest.UsageError(msg) from None
        try:
            allowed = Tolerance.parse(tolerance or "0")
        except ValueError as problem:
            msg = f"{tolerance_rule}: {problem}"
            raise pytest.UsageError(msg) from None
        return cls(
            update=config.option.mem_baseline_update or bool(getattr(config.option, "update_snapshots", False)),
            tolerance=allowed,
            limit=limit,
            track_all=config.option.mem_all,
            inside_ops=config.option.mem_inside_ops or config.getini("mem_inside_ops"),
            report=config.option.mem_report,
            verbose=config.get_verbosity(VERBOSITY) > 0,
            json=_json(config),
            junit=config.getini("mem_junit"),
        )


SETTINGS = pytest.StashKey[Settings]()


def add_options(parser: pytest.Parser) -> None:
    """Register the command line options and ini values."""
    group = parser.getgroup("footprint", "tensor memory and module structure (pytest-footprint)")
    group.addoption(
        "--max-peak-memory",
        dest="mem_max_peak_memory",
        metavar="SIZE",
        default=None,
        help='fail each test whose tensors take more than SIZE ("2GiB", "500 MB") at once;'
        " the marker max_peak_memory of a test goes first (ini: max_peak_memory; default: no limit)",
    )
    group.addoption(
        "--mem-baseline-update",
        dest="mem_baseline_update",
        action="store_true",
        default=False,
        help="write new and changed memory baselines instead of failing, and print old -> new;"
        " snapshots of other plugins stay as they are",
    )
    group.addoption(
        "--mem-tolerance",
        dest="mem_tolerance",
        metavar="TOLERANCE",
        default=None,
        help='how far a byte count may be from its baseline: "2%%", 0.02 or "1MiB"'
        " (ini: mem_tolerance; default: 0, tracked bytes do not depend on timing)",
    )
    group.addoption(
        "--mem-all",
        dest="mem_all",
        action="store_true",
        default=False,
        help="track every test that touches torch, without changing it",
    )
    group.addoption(
        "--mem-report",
        dest="mem_report",
        action="store_true",
        default=False,
        help="print a table of every tracked test: peak, its largest reference type, limit, verdict",
    )
    group.addoption(
        "--mem-json",
        dest="mem_json",
        metavar="PATH",
        default=None,
        help="write the whole run to PATH as JSON, for `pytest-footprint compare` and other programs: footprints,"
        " limits and baseline checks of every test (ini: mem_json; default: no file)",
    )
    group.addoption(
        "--mem-inside-ops",
        dest="mem_inside_ops",
        action="store_true",
        default=None,
        help="count also what operators take and give back inside themselves; it depends on kernels and threads,"
        " so keep it out of baselines (ini: mem_inside_ops; default: off)",
    )
    parser.addini("mem_inside_ops", "default of --mem-inside-ops", type="bool", default=False)
    parser.addini("mem_json", "default of --mem-json, from the root directory", type="string", default="")
    parser.addini("mem_junit", "add peak and end of tracked tests to the JUnit properties", type="bool", default=False)
    parser.addini("max_peak_memory", "default of --max-peak-memory", type="string", default="")
    parser.addini("mem_tolerance", "default of --mem-tolerance", type="string", default="")
    parser.addini(f"verbosity_{VERBOSITY}", "how much failures of memory checks show; auto follows -v", default="auto")


def _value(config: pytest.Config, option: str, ini: str) -> tuple[str, str]:
    """The value, ``""`` when none is set, and where it comes from."""
    given: str | None = config.getoption(option)
    if given is not None:
        return given, f"--{ini.replace('_', '-')}"
    try:
        return config.getini(ini), f"ini {ini}"
    except TypeError as problem:
        raise pytest.UsageError(str(problem)) from None


def _json(config: pytest.Config) -> Path | None:
    text, rule = _value(config, "mem_json", "mem_json")
    if not text or config.option.collectonly or config.option.help:
        return None
    path = (config.invocation_params.dir if rule.startswith("--") else config.rootpath) / Path(text).expanduser()
    # Workers of xdist do not write.
    if not hasattr(config, "workerinput") and (problem := _cannot_write(path)):
        msg = f"{rule}: cannot write {text}: {problem}; give a file in a folder that can be written"
        raise pytest.UsageError(msg)
    return path


def _cannot_write(path: Path) -> str:
    """Why no file can be put at ``path``; tried, as permissions alone do not tell."""
    if path.is_dir():
        return "it is a folder"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path.parent):
            return ""
    except OSError as problem:
        return problem.strerror or str(problem)
