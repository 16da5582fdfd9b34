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
    from pytest_footprint.pytest_plugin.ranks import Ranks

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
    rank_timeout: float = _TIMEOUT
    """Seconds for which a check waits for other ranks."""
    junit: bool = False
    """Add peak and end of each tracked test to its JUnit properties."""

    @property
    def verbose(self) -> bool:
        """Whether failures are shown in full."""
        return self.verbosity > 0

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
        return cls(
            update=bool(config.option.mem_baseline_update) or bool(getattr(config.option, "update_snapshots", False)),
            prune=_prune(config),
            tolerance=_read(config, "mem_tolerance", "mem_tolerance", _tolerance) or EXACT,
            limit=_read(config, "mem_max_peak_memory", "max_peak_memory", Limit.of_every_test),
            track_all=bool(config.option.mem_all),
            inside_ops=bool(config.option.mem_inside_ops) or config.getini("mem_inside_ops"),
            report=any(config.getoption(name) for name in ("mem_report", "mem_report_sort", "mem_report_top")),
            report_sort=_read(config, "mem_report_sort", "mem_report_sort", _sort) or SORTS[0],
            report_top=_read(config, "mem_report_top", "mem_report_top", _count) or 0,
            verbosity=_verbosity(config),
            json=_json(config),
            rank_timeout=_read(config, "mem_rank_timeout", "mem_rank_timeout", _seconds) or _TIMEOUT,
            junit=config.getini("mem_junit"),
        )


SETTINGS = pytest.StashKey[Settings]()
RANKS: pytest.StashKey[Ranks] = pytest.StashKey()
"""Where the ranks of the run are kept, if it has several."""
CHECKS = "mem_baseline"
"""The fixture of tests that check baselines."""


def _prune(config: pytest.Config) -> bool:
    if not config.option.mem_baseline_prune:
        return False
    from pytest_footprint.pytest_plugin.partial import partial_flags  # noqa: PLC0415 - loads when it is wanted

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
