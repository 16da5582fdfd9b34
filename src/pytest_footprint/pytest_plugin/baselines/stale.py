"""Baselines that nobody asks for any more: a complete run names them, ``--mem-baseline-prune`` deletes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_footprint.pytest_plugin.baselines.collected import COLLECTING, Collected
from pytest_footprint.pytest_plugin.baselines.outcomes import Outcomes
from pytest_footprint.pytest_plugin.results import Results
from pytest_footprint.pytest_plugin.settings import RANKS, SETTINGS

_SENT = "footprint_collected"
"""Key of what a worker sends. It holds one string: xdist moves exact builtins only."""
_COMPLETE = frozenset({pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED})


class CollectedHere:
    """In a worker: tells the controller what was collected."""

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send it with what xdist sends when a worker ends."""
        config: Any = session.config  # xdist adds workeroutput
        collected = config.stash[COLLECTING].result(session.items, session.config)
        config.workeroutput[_SENT] = collected.to_json()


class StaleBaselines:
    """In the process that reports: judges when the run is over."""

    def __init__(self) -> None:
        self._outcomes = Outcomes()
        self._asked: set[str] = set()
        self._sent: list[Collected] = []
        self._crashed = 0
        self._silent: tuple[int, ...] = ()
        """Ranks of which nothing is known."""
        self._found: tuple[Path, ...] = ()
        self._partial: tuple[str, ...] = ()
        """Why nothing can be judged."""
        self._problem = ""
        """Why not all was deleted."""

    def take(self, report: pytest.TestReport, results: Results) -> None:
        """Note how far the test came and which baselines it asked for."""
        self._outcomes.note(report)
        self._asked.update(results.asked)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take what a worker has to say at its end."""
        sent = getattr(node, "workeroutput", {}).get(_SENT)
        if error or sent is None:
            self._crashed += 1
        else:
            self._sent.append(Collected.from_json(sent))

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Judge, and delete when that was asked for."""
        config = session.config
        if (ranks := config.stash.get(RANKS, None)) is not None:
            self._asked |= ranks.asked_elsewhere
            self._silent = ranks.silent
        collected = self._sent or [config.stash[COLLECTING].result(session.items, config)]
        prune = config.stash[SETTINGS].prune
        if not (prune or self._asked or any(each.files for each in collected)):
            return
        self._partial = tuple(self._reasons(config, collected, exitstatus))
        if not self._partial:
            self._judge(config, collected)
            if prune:
                self._delete()

    def _reasons(self, config: pytest.Config, collected: Sequence[Collected], exitstatus: int) -> Iterator[str]:
        from pytest_footprint.pytest_plugin.baselines.partial import partial_flags  # noqa: PLC0415 - only with baselines

        for flag in partial_flags(config):
            yield f"{flag} leaves tests out"
        if exitstatus not in _COMPLETE:
            yield "the run was interrupted"
        if self._crashed:
            yield f"{_counted(self._crashed, 'worker')} crashed"
        if self._silent:
            yield f"{_counted(len(self._silent), 'rank')} did not come to the end of the run"
        if failed := max(each.failed for each in collected):
            yield f"{_counted(failed, 'file')} could not be collected"
        if deselected := max(each.deselected for each in collected):
            yield f"{_counted(deselected, 'test')} {'was' if deselected == 1 else 'were'} deselected"
        if (missing := max(each.count for each in collected) - self._outcomes.count) > 0:
            yield f"{_counted(missing, 'test')} did not run"

    def _judge(self, config: pytest.Config, collected: Sequence[Collected]) -> None:
        from pytest_footprint.baseline.orphans import RanFile  # noqa: PLC0415 - as above
        from pytest_footprint.pytest_plugin.baselines.stored import find_orphans  # noqa: PLC0415 - as above

        first, *others = collected
        ran = [
            RanFile(config.rootpath / file, frozenset(self._unreached(tests)))
            for file, tests in first.files.items()
            if all(tests == other.files.get(file) for other in others)
        ]
        self._found = find_orphans(config, ran, {config.rootpath / path for path in self._asked})

    def _unreached(self, tests: Mapping[str, str]) -> Iterator[str]:
        for node, test in tests.items():
            if not self._outcomes.reached_all(node):
                yield test

    def _delete(self) -> None:
        from pytest_footprint.baseline import BaselineDeleteError, delete  # noqa: PLC0415 - as above

        try:
            delete(self._found)
        except BaselineDeleteError as problem:
            self._problem = str(problem)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        """Name what is stale, or say what was deleted, or why nothing was."""
        settings = config.stash[SETTINGS]
        if not (settings.prune or self._found):
            return
        from pytest_footprint.pytest_plugin.texts import shown  # noqa: PLC0415 - loads when there is something to say
        from pytest_footprint.report.stale import not_pruned, pruned, stale  # noqa: PLC0415 - the same

        paths = [shown(path, config) for path in self._found]
        if self._partial:
            terminalreporter.write_sep("=", "memory baselines not pruned")
            terminalreporter.write_line(not_pruned(self._partial), yellow=True)
        elif self._problem:
            terminalreporter.write_sep("=", "memory baselines not pruned")
            terminalreporter.write_line(self._problem, red=True)
        elif settings.prune:
            terminalreporter.write_sep("=", "memory baselines pruned")
            terminalreporter.write_line(pruned(paths, verbose=settings.verbose))
        else:
            terminalreporter.write_sep("=", "stale memory baselines")
            terminalreporter.write_line(stale(paths, verbose=settings.verbose))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
