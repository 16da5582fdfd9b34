"""What differs between two runs, for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from pytest_footprint.model.codec import to_plain
from pytest_footprint.model.gate import Gate, GateFailure
from pytest_footprint.model.run_comparison import FootprintChange, OnlyOneSide, RunComparison
from pytest_footprint.report.headline import change_line, why
from pytest_footprint.report.run_rows import changed_tests
from pytest_footprint.report.sentences import text_lines

SCHEMA = 1


def run_comparison_json(
    comparison: RunComparison,
    *,
    gates: Sequence[Gate] = (),
    failures: Sequence[GateFailure] = (),
    sort: str = "change",
) -> str:
    """One JSON document, indented; sizes are bytes."""
    rows = changed_tests(comparison, sort)
    document = {
        "schema": SCHEMA,
        "kind": "run comparison",
        "tests": comparison.tests,
        "changes": [_change(each) for row in rows for each in (row.main, *row.others)],
        "appeared": _only_one_side(comparison.appeared),
        "vanished": _only_one_side(comparison.vanished),
        "environment": {name: {"base": was, "head": now} for name, (was, now) in comparison.environment.items()},
        "incomplete": list(comparison.incomplete),
        "gates": [_gate(gate, failures) for gate in gates],
    }
    return json.dumps(document, indent=2)


def _change(change: FootprintChange) -> dict[str, Any]:
    return {
        "test": change.test,
        "footprint": change.name,
        "says": change_line(change.comparison),
        "cause": why(change.comparison),
        "sizes": [to_plain(size) for size in change.comparison.sizes],
        "culprits": [to_plain(culprit) for culprit in change.comparison.culprits],
        "other": text_lines(change.comparison),
    }


def _only_one_side(rows: Iterable[OnlyOneSide]) -> list[dict[str, Any]]:
    return [{"test": row.test, "footprints": list(row.names), "outcome": row.why or None} for row in rows]


def _gate(gate: Gate, failures: Iterable[GateFailure]) -> dict[str, Any]:
    found = [each for each in failures if each.gate == gate]
    failed = [{"test": each.test, "footprint": each.footprint, "says": each.says} for each in found]
    return {"gate": gate.text, "holds": not failed, "failures": failed}
