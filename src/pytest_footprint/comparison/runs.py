"""What differs between two whole runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pytest_footprint.comparison.compare import compare
from pytest_footprint.model.footprint import NOTHING, Footprint
from pytest_footprint.model.run import WHOLE_TEST, Environment, Outcome, RecordedTest, Run
from pytest_footprint.model.run_comparison import FootprintChange, OnlyOneSide, RunComparison

_FAILED = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.XFAILED})


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
    failed = {before.outcome, after.outcome} & _FAILED
    for each in after.footprints:
        was, now = stored.get(each.name), each.footprint
        if was is None or was == now:
            continue
        if failed and each.name == WHOLE_TEST:
            was, now = _without_end(was), _without_end(now)
        if comparison := compare(was, now):
            yield FootprintChange(after.test, each.name, was, now, comparison)


def _without_end(footprint: Footprint) -> Footprint:
    """The traceback of a failed test keeps its tensors alive, so what is left at its end says nothing."""
    return replace(footprint, end=NOTHING, growth=NOTHING, at_end=())


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
