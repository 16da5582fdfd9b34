"""What the page's script is given of one test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_footprint.model.comparison import Culprit, SizeChange
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.picture import Picture
from pytest_footprint.model.run import WHOLE_TEST, CheckResult, LimitVerdict, RecordedTest, TakenFootprint
from pytest_footprint.model.saved_tensor import SavedTensor
from pytest_footprint.model.usage import DeviceUsage
from pytest_footprint.report.headline import subject_words
from pytest_footprint.report.page.rows import TestRow
from pytest_footprint.report.words import percent, signed


def test_view(test: RecordedTest, pictures: Sequence[Picture], row: TestRow) -> dict[str, Any]:
    """One test as plain values: `detail.js` draws it."""
    by_name = {each.name: each for each in pictures}
    checks = {each.name: each for each in test.checks}
    views = [
        _footprint(taken, by_name.get(taken.name), checks.get(taken.name), test.limits) for taken in test.footprints
    ]
    return {
        "test": test.test,
        "outcome": test.outcome.value,
        "headline": row.headline,
        "failure": row.failure,
        "limits": [_limit(each) for each in test.limits],
        "first": max(0, next((at for at, each in enumerate(test.footprints) if each.name == row.footprint), 0)),
        "footprints": views,
    }


def _limit(limit: LimitVerdict) -> dict[str, Any]:
    return {
        "device": limit.device,
        "of": limit.of,
        "limit": int(limit.limit),
        "peak": int(limit.peak),
        "exceeded": limit.exceeded,
        "rule": limit.rule,
    }


def _footprint(
    taken: TakenFootprint, picture: Picture | None, check: CheckResult | None, limits: Sequence[LimitVerdict]
) -> dict[str, Any]:
    footprint = taken.footprint
    return {
        "name": taken.name,
        "steps": footprint.steps,
        "peak": _usages(footprint.peak),
        "end": _usages(footprint.end),
        "growth": _usages(footprint.growth),
        "measured": {
            device: f"{own.allocated} allocated, {own.reserved} reserved" for device, own in footprint.measured.items()
        },
        "atPeak": [_group(each) for each in footprint.at_peak] if picture is None or not picture.course else [],
        "saved": sorted((_group(each) for each in footprint.saved.groups()), key=lambda group: -group["bytes"]),
        "limits": [_limit(each) for each in limits] if taken.name == WHOLE_TEST else [],
        "course": picture.course if picture is not None else "",
        "baseline": _baseline(picture) if picture is not None else None,
        "check": None if check is None else {"verdict": check.verdict.value, "file": check.baseline},
        "difference": picture.difference if picture is not None else "",
        "changes": [] if check is None else [_change(each) for each in check.sizes],
        "culprits": [] if check is None else [_culprit(each) for each in check.culprits],
    }


def _usages(usages: DeviceUsage) -> dict[str, dict[str, int]]:
    return {
        device: {"total": int(usage.total)} | {kind.value: int(nbytes) for kind, nbytes in usage.items()}
        for device, usage in usages.items()
    }


def _group(group: LiveGroup) -> dict[str, Any]:
    return {
        "type": group.ref_type.value,
        "fqn": group.fqn,
        "op": group.op,
        "spec": group.spec,
        "device": group.device,
        "source": group.source or "",
        "count": group.count,
        "bytes": int(group.nbytes),
    }


def _baseline(picture: Picture) -> dict[str, Any] | None:
    if picture.baseline is None:
        return None
    return {
        "peak": _usages(picture.baseline.peak),
        "end": _usages(picture.baseline.end),
        "saved": {
            device: int(sum(row.nbytes for row in rows)) for device, rows in _by_device(picture.baseline).items()
        },
        "course": picture.baseline_course,
    }


def _by_device(footprint: Footprint) -> dict[str, list[SavedTensor]]:
    found: dict[str, list[SavedTensor]] = {}
    for row in footprint.saved:
        found.setdefault(row.device, []).append(row)
    return found


def _change(change: SizeChange) -> dict[str, Any]:
    return {
        "signal": change.signal.value,
        "what": f"{change.device} {subject_words(change)}",
        "before": int(change.before),
        "after": int(change.after),
        "difference": signed(change.difference),
        "percent": percent(change.percent),
    }


def _culprit(culprit: Culprit) -> dict[str, Any]:
    shape = "several shapes" if culprit.shape is None else f"[{', '.join(map(str, culprit.shape))}]"
    return {
        "signal": culprit.signal.value,
        "type": culprit.ref_type.value,
        "fqn": culprit.fqn,
        "op": culprit.op,
        "spec": f"{culprit.dtype}{shape if culprit.shape is not None else f', {shape}'}",
        "was": culprit.was,
        "device": culprit.device,
        "source": culprit.source or "",
        "count": culprit.count,
        "bytes": int(culprit.nbytes),
    }
