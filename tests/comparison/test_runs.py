from __future__ import annotations

from dataclasses import replace

import pytest
from runs import ENVIRONMENT, footprint, one_test, run_of

from pytest_footprint.comparison.gates import gate_failures
from pytest_footprint.comparison.runs import compare_runs
from pytest_footprint.model.comparison import Signal
from pytest_footprint.model.gate import Gate
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.run import WHOLE_TEST, Outcome, RecordedTest, Run, TakenFootprint
from pytest_footprint.model.run_comparison import OnlyOneSide

BASE = run_of(one_test("a", footprint(100), footprint(20)), one_test("b", footprint(10, saved_mib=1)))


def said(head: Run, *gates: str) -> list[str]:
    failures = gate_failures(compare_runs(BASE, head), map(Gate.parse, gates))
    return [f"{each.gate.text} {each.test} {each.footprint}: {each.says}" for each in failures]


def test_a_run_compared_with_itself_has_no_changes() -> None:
    comparison = compare_runs(BASE, BASE)

    assert (comparison.tests, comparison.changes, comparison.appeared, comparison.vanished) == (2, (), (), ())


def test_only_footprints_that_differ_are_changes_whatever_the_order_of_the_tests() -> None:
    head = run_of(BASE.tests[1], one_test("a", footprint(100), footprint(30)))

    [change] = compare_runs(BASE, head).changes

    assert (change.test, change.name) == ("a", "run 2")
    assert [int(size.difference) for size in change.comparison.sizes] == [10 * 2**20, 10 * 2**20]


def test_what_only_one_run_has_is_named_with_what_became_of_the_test() -> None:
    head = run_of(
        one_test("a", footprint(100)), RecordedTest("b", Outcome.SKIPPED), one_test("c", footprint(1), footprint(2))
    )

    comparison = compare_runs(BASE, head)

    assert comparison.vanished == (OnlyOneSide("a", ("run 2",), "", whole=False), OnlyOneSide("b", ("run",), "skipped"))
    assert comparison.appeared == (OnlyOneSide("c", ("run", "run 2"), ""),)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.XFAILED, Outcome.ERROR])
def test_what_a_whole_test_leaves_counts_only_if_no_traceback_keeps_it(outcome: Outcome) -> None:
    before, after = footprint(100, grown_mib=0), replace(footprint(101, grown_mib=9), end=footprint(9).peak)
    base = run_of(
        RecordedTest("a", Outcome.PASSED, (TakenFootprint(WHOLE_TEST, before), TakenFootprint("run", before)))
    )

    def signals(head_outcome: Outcome) -> list[tuple[str, set[Signal]]]:
        taken = (TakenFootprint(WHOLE_TEST, after), TakenFootprint("run", after))
        comparison = compare_runs(base, run_of(RecordedTest("a", head_outcome, taken)))
        return [(each.name, {size.signal for size in each.comparison.sizes}) for each in comparison.changes]

    everything = {Signal.PEAK, Signal.END, Signal.GROWTH}
    assert signals(outcome) == [("test", {Signal.PEAK}), ("run", everything)]
    assert signals(Outcome.PASSED) == [("test", everything), ("run", everything)]


def test_versions_that_differ_and_runs_that_stopped_are_told() -> None:
    head = replace(BASE, environment=replace(ENVIRONMENT, torch="2.14.0"), complete=False)

    comparison = compare_runs(BASE, head)

    assert comparison.environment == {"torch": ("2.13.0", "2.14.0")}
    assert comparison.incomplete == ("head",)


@pytest.mark.parametrize(
    ("mib", "failures"),
    [
        (107.4, []),
        (107.5, ["peak:5% a run: cpu peak 148 MiB -> 155.5 MiB (+5.07 %)"]),
        (50, []),
    ],
    ids=["within", "above", "less"],
)
def test_a_gate_fails_only_above_its_bound(mib: float, failures: list[str]) -> None:
    head = run_of(one_test("a", footprint(mib), footprint(20)), BASE.tests[1])

    assert said(head, "peak:5%") == failures


def test_every_signal_has_a_gate() -> None:
    changed = replace(footprint(100, grown_mib=1), forward=("GPT",), backward=("GPT",))
    head = run_of(one_test("a", changed, footprint(20)), one_test("b", footprint(10, saved_mib=2)))

    assert said(head, "growth:0", "saved:50%", "order", "structure", "end:0") == [
        "growth:0 a run: cpu growth 0 B -> 1 MiB",
        "saved:50% b run: cpu saved for backward 1 MiB -> 2 MiB (+100 %)",
        "order a run: order differs in 2 places",
    ]
    assert changed.hierarchy == Hierarchy(("GPT",), ("GPT",))


def test_a_test_that_vanished_fails_the_gate_for_that() -> None:
    head = run_of(BASE.tests[0], RecordedTest("b", Outcome.SKIPPED))

    assert said(head, "vanished") == ["vanished b run: skipped"]
    assert said(run_of(BASE.tests[0]), "vanished", "peak:0") == ["vanished b run: is gone"]
