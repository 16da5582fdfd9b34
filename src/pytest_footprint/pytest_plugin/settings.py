"""Options and ini values, read once into one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, TypeVar

import pytest

from pytest_footprint.model.tolerance import EXACT, Tolerance
from pytest_footprint.pytest_plugin.limit import Limit
from pytest_footprint.pytest_plugin.options import SORTS, VERBOSITY

if TYPE_CHECKING:
    from pytest_footprint.pytest_plugin.output.progress import Progress
    from pytest_footprint.pytest_plugin.ranks.ranks import Ranks

T = TypeVar("T")

_TIMEOUT = 120.0
_FOREVER = 1e6
"""Seconds that no wait takes; infinity is none either."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user asked of this run."""

    update: bool
    """Write new and changed baselines, by our flag or by syrupy's."""
    prune: bool
    """Delete baselines that no test of a complete run asks for."""
    tolerance: Tolerance
    limit: Limit | None
    """For every test without a marker of its own."""
    track_all: bool
    inside_ops: bool
    """Count what operators take and give back inside themselves."""
    report: bool
    report_sort: str
    """``peak``, ``limit`` or ``name``."""
    report_top: int
    """Lines of the report; 0 for all."""
    verbosity: int
    """pytest's: -1 for ``-q``, 2 for ``-vv``."""
    json: Path | None = None
    """Where the whole run is written for machines, absolute."""
    trace: Path | None = None
    """The folder below which traces are written, absolute."""
    html: Path | None = None
    """Where the page of the run is written, absolute."""
    rank_timeout: float = _TIMEOUT
    """Seconds for which a check waits for other ranks."""
    junit: bool = False
    """Add peak and end of each tracked test to its JUnit properties."""

    @property
    def verbose(self) -> bool:
        """Whether failures are shown in full."""
        return self.verbosity > 0

    @property
    def writes_run(self) -> bool:
        """Whether the whole run goes to a file."""
        return self.json is not None or self.html is not None

    @property
    def reads_every_test(self) -> bool:
        """Whether somebody looks at the whole footprint of each tracked test."""
        return self.track_all or self.report or self.junit or self.findings_wanted

    @property
    def findings_wanted(self) -> bool:
        """Whether somebody wants the footprints that a test takes itself, by name."""
        return self.writes_run or self.trace is not None

    @classmethod
    def from_config(cls, config: pytest.Config) -> Settings:
        """Read command line over ini over default.

        Raises:
            pytest.UsageError: a value is not what its option takes; the message names the option.
        """
        json, html = (_path(config, name, "file", _cannot_write) for name in ("mem_json", "mem_html"))
        if json is not None and html is not None and json.resolve() == html.resolve():
            msg = f"--mem-json and --mem-html: both name {json.name}, and one would replace the other; name two files"
            raise pytest.UsageError(msg)
        return cls(
            update=bool(config.option.mem_baseline_update) or bool(getattr(config.option, "update_snapshots", False)),
            prune=_prune(config),
            tolerance=_read(config, "mem_tolerance", "mem_tolerance", _tolerance) or EXACT,
            limit=_read(config, "mem_max_peak_memory", "max_peak_memory", Limit.of_every_test),
            track_all=bool(config.option.mem_all),
            inside_ops=bool(config.option.mem_inside_ops) or _switch(config, "mem_inside_ops"),
            report=any(config.getoption(name) for name in ("mem_report", "mem_report_sort", "mem_report_top")),
            report_sort=_read(config, "mem_report_sort", "mem_report_sort", _sort) or SORTS[0],
            report_top=_read(config, "mem_report_top", "mem_report_top", _count) or 0,
            verbosity=_verbosity(config),
            json=json,
            html=html,
            trace=_path(config, "mem_trace", "folder", _cannot_write_below),
            rank_timeout=_read(config, "mem_rank_timeout", "mem_rank_timeout", _seconds) or _TIMEOUT,
            junit=_switch(config, "mem_junit"),
        )


SETTINGS = pytest.StashKey[Settings]()
RANKS: pytest.StashKey[Ranks] = pytest.StashKey()
"""Where the ranks of the run are kept, if it has several."""
PROGRESS: pytest.StashKey[Progress] = pytest.StashKey()
"""Where that is kept which shows how far a test has come, if a person looks."""
CHECKS = "mem_baseline"
"""The fixture of tests that check baselines."""


def _prune(config: pytest.Config) -> bool:
    if not config.option.mem_baseline_prune:
        return False
    from pytest_footprint.pytest_plugin.baselines.partial import partial_flags  # noqa: PLC0415 - loads when it is wanted

    if flags := partial_flags(config):
        msg = f"--mem-baseline-prune needs a run of all tests, so it does not go with {', '.join(flags)}"
        raise pytest.UsageError(msg)
    return True


def _verbosity(config: pytest.Config) -> int:
    ini = f"verbosity_{VERBOSITY}"
    try:
        return config.get_verbosity(VERBOSITY)
    except ValueError:
        msg = f"ini {ini}: {config.getini(ini)!r} is not a verbosity; write auto, or a number such as -1, 0 or 2"
        raise pytest.UsageError(msg) from None


def _switch(config: pytest.Config, ini: str) -> bool:
    try:
        return bool(config.getini(ini))
    except (ValueError, TypeError, pytest.UsageError) as problem:  # which of them, depends on the version of pytest
        msg = f"ini {ini}: {problem}; write true or false"
        raise pytest.UsageError(msg) from None


def _tolerance(text: str, _rule: str) -> Tolerance:
    return Tolerance.parse(text)


def _sort(text: str, _rule: str) -> str:
    if text not in SORTS:
        msg = f"{text!r} is not an order; write {', '.join(SORTS[:-1])} or {SORTS[-1]}"
        raise ValueError(msg)
    return text


def _count(text: str, _rule: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        msg = f"{text!r} is not a number of lines; write 0 for all of them, or 10"
        raise ValueError(msg)
    return int(text)


def _seconds(text: str, _rule: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < _FOREVER:
        msg = f"{text!r} is not a time in seconds; write a number above 0 such as 120 or 2.5"
        raise ValueError(msg)
    return seconds


def _read(config: pytest.Config, option: str, ini: str, parse: Callable[[str, str], T]) -> T | None:
    """The parsed value, given its text and where it comes from; ``None`` when none is set."""
    text, rule = _value(config, option, ini)
    try:
        return parse(text, rule) if text else None
    except ValueError as problem:
        msg = f"{rule}: {problem}"
        raise pytest.UsageError(msg) from None


def _value(config: pytest.Config, option: str, ini: str) -> tuple[str, str]:
    """The value, ``""`` when none is set, and where it comes from."""
    given: str | None = config.getoption(option)
    if given is not None:
        return given, f"--{ini.replace('_', '-')}"
    try:
        return config.getini(ini), f"ini {ini}"
    except TypeError as problem:
        raise pytest.UsageError(str(problem)) from None


def _path(config: pytest.Config, name: str, what: str, problem_at: Callable[[Path], str]) -> Path | None:
    """The path that an option or ini value names, absolute; None when nothing is to be written there."""
    text, rule = _value(config, name, name)
    if not text and rule.startswith("--") and not config.getini(name):
        msg = f"{rule}: no {what} is named, and there is no ini {name} to take back; was a variable empty?"
        raise pytest.UsageError(msg)
    if not text or config.option.collectonly or config.option.help:
        return None
    path = (config.invocation_params.dir if rule.startswith("--") else config.rootpath) / Path(text).expanduser()
    # Workers of xdist were started by a process that has tried.
    if not hasattr(config, "workerinput") and (problem := problem_at(path)):
        msg = f"{rule}: cannot write {text}: {problem}; give a {what} {_WRITABLE[what]}"
        raise pytest.UsageError(msg)
    return path


_WRITABLE = {"file": "in a folder that can be written", "folder": "that can be written"}


def _cannot_write(path: Path) -> str:
    """Why no file can be put at ``path``; folders on the way are made, as pytest does for ``--junitxml``."""
    return "it is a folder" if path.is_dir() else _cannot_write_below(path.parent)


def _cannot_write_below(folder: Path) -> str:
    """Why no file can be put into ``folder``, which is made if need be; tried, as permissions alone do not tell."""
    if folder.exists() and not folder.is_dir():
        return "it is a file"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return ""
    except OSError as problem:
        return problem.strerror or str(problem)
