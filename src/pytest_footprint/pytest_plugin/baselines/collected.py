"""What was collected, and whether that is all there is: the other half of what makes a run complete."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import pytest

from pytest_footprint.pytest_plugin.node_ids import from_root, node_id, test_id

FOLDER = "__footprints__"
"""As `pytest_footprint.baseline.FOLDER`, whose package a run without baselines does not load."""


@dataclass(frozen=True, slots=True)
class Collected:
    """Said by each process that collects; a worker sends it as one string."""

    count: int = 0
    """Tests that are to run."""
    deselected: int = 0
    failed: int = 0
    """Files and folders that could not be collected."""
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    """Path of a test file -> node id -> test id, for the completely collected files that have baselines."""

    def to_json(self) -> str:
        """All of it as one string: xdist moves exact builtins only."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote."""
        return cls(**json.loads(text))


class Collecting:
    """Notes what collectors find, to tell in the end whether anything of a file was left out."""

    def __init__(self) -> None:
        self._children: dict[Path, set[str]] = {}
        self._collected: set[str] = set()
        self._incomplete: set[Path] = set()
        self._failed = 0
        self._deselected = 0

    def note(self, collector: pytest.Collector, report: pytest.CollectReport) -> None:
        """Keep what ``collector`` found, before anybody selects."""
        if report.failed:
            self._failed += 1
        if isinstance(collector, pytest.Session | pytest.Directory):
            return
        if not report.passed:
            self._incomplete.add(collector.path)
        self._collected.add(collector.nodeid)
        self._children.setdefault(collector.path, set()).update(child.nodeid for child in report.result or ())

    def note_deselected(self, count: int) -> None:
        """Count tests that an option or a plugin took out."""
        self._deselected += count

    def has_baselines(self) -> bool:
        """Whether any file that was collected has baselines."""
        return any(map(_has_baselines, self._children))

    def result(self, items: Iterable[pytest.Item], config: pytest.Config) -> Collected:
        """What there is to say when ``items`` are to run."""
        stored = frozenset(filter(_has_baselines, self._children))
        selected: dict[Path, dict[str, pytest.Item]] = {}
        nodes = set()
        for item in items:
            nodes.add(item.nodeid)
            if stored and item.path in stored:
                selected.setdefault(item.path, {})[node_id(item)] = item
        files = {
            from_root(path, config): {item.nodeid: test_id(item) for item in selected.get(path, {}).values()}
            for path, children in self._children.items()
            if path in stored
            and path not in self._incomplete
            and children - selected.get(path, {}).keys() <= self._collected
        }
        return Collected(len(nodes), self._deselected, self._failed, files)


def _has_baselines(path: Path) -> bool:
    return (path.parent / FOLDER / path.stem).is_dir()


COLLECTING = pytest.StashKey[Collecting]()
