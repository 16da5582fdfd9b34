"""What differs between two whole runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_footprint.comparison.compare import compare
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.run import Environment, RecordedTest, Run
from pytest_footprint.model.run_comparison import FootprintChange, OnlyOneSide, RunComparison


def compare_runs(base: Run, head: Run) -> RunComparison:
    """Hold each footprint of ``head`` against the one of the same test and name in ``base``."""
    before, after = _by_test(base), _by_test(head)
    both = [test for test in after if _taken(before, test) and _taken(after, test)]
    return RunComparison(
        tests=len(both),
        changes=tuple(change for test in both for change in _changes(before[test], after[test])),
        appeared=tuple(_missing(after, before)),
        vanished=tuple(_missing(before, after)),
        environment=_environment(base.environment, head.environment),
        incomplete=tuple(name for name, run in (("base", base), ("head", head)) if not run.complete),
    )


def _by_test(run: Run) -> dict[str, RecordedTest]:
    return {test.test: test for test in sorted(run.tests, key=lambda test: test.test)}


def _taken(tests: dict[str, RecordedTest], test: str) -> dict[str, Footprint]:
    return {each.name: each.footprint for each in tests[test].footprints} if test in tests else {}


def _changes(before: RecordedTest, after: RecordedTest) -> Iterator[FootprintChange]:
    stored = {each.name: each.footprint for each in before.footprints}
    for each in after.footprints:
        was = stored.get(each.name)
        if was is None or was == each.footprint:
            continue
        if comparison := compare(was, each.footprint):
            yield FootprintChange(after.test, each.name, was, each.footprint, comparison)


def _missing(here: dict[str, RecordedTest], there: dict[str, RecordedTest]) -> Iterator[OnlyOneSide]:
    for test in here:
        others = _taken(there, test)
        if names := tuple(name for name in _taken(here, test) if name not in others):
            why = "" if test not in there or others else there[test].outcome.value
            yield OnlyOneSide(test, names, why, whole=not others)


def _environment(base: Environment, head: Environment) -> dict[str, tuple[str, str]]:
    then, now = dict(_told(base)), dict(_told(head))
    return {name: (text, now[name]) for name, text in then.items() if now.get(name, text) != text}


def _told(environment: Environment) -> Iterable[tuple[str, str]]:
    """What matters to memory; other plugins do not."""
    yield "torch", environment.torch
    yield "python", environment.python
    yield "platform", environment.platform
    yield "devices", ", ".join(environment.devices)
    yield "pytest-footprint", environment.plugins.get("pytest-footprint", "")
