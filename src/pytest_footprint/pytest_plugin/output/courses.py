"""Courses of earlier runs, in pytest's cache: a baseline keeps none, and a page shows what it looked like.

One is remembered for each baseline that a run with ``--mem-html`` held or wrote, and told only while the baseline is
still the same file.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.run import CheckVerdict
from pytest_footprint.pytest_plugin.baselines.check import BaselineCheck
from pytest_footprint.pytest_plugin.findings import Stored
from pytest_footprint.pytest_plugin.relative import relative
from pytest_footprint.report.page.columns import FORMAT

if TYPE_CHECKING:
    import pytest


def stored(config: pytest.Config, done: BaselineCheck, verdict: CheckVerdict, course: str) -> Stored:
    """What a picture of a check shows of its baseline; ``course`` is kept where the baseline holds."""
    if verdict in {CheckVerdict.HOLDS, CheckVerdict.WRITTEN}:
        remember(config, done.path, course)
    footprint = done.stored if isinstance(done.stored, Footprint) else None
    differs = footprint is not None and verdict is CheckVerdict.DIFFERS
    return Stored(footprint, remembered(config, done.path) if differs else "", done.difference())


def remember(config: pytest.Config, baseline: Path, course: str) -> None:
    """Keep the course of a footprint that is as ``baseline`` says."""
    if course and (cache := getattr(config, "cache", None)) is not None:
        cache.set(_key(config, baseline), [_digest(baseline), course])


def remembered(config: pytest.Config, baseline: Path) -> str:
    """The course of the latest run that was as ``baseline`` says; ``""`` when there is none."""
    cache = getattr(config, "cache", None)
    found = cache.get(_key(config, baseline), None) if cache is not None else None
    match found:
        case [digest, str(course)] if digest == _digest(baseline):
            return course
    return ""


def _key(config: pytest.Config, baseline: Path) -> str:
    name = relative(baseline, config.rootpath).as_posix()
    return f"footprint/courses-{FORMAT}/{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _digest(baseline: Path) -> str:
    try:
        return sha256(baseline.read_bytes()).hexdigest()
    except OSError:
        return ""
