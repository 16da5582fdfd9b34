"""What one phase of a test has to tell the process that prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_footprint.pytest_plugin.baselines.check_log import CHECK_LOG
from pytest_footprint.pytest_plugin.node_ids import without_rank
from pytest_footprint.pytest_plugin.recording import RECORDING, Recording
from pytest_footprint.pytest_plugin.results import RankResult, Results, TrackedTest
from pytest_footprint.pytest_plugin.surroundings import SURROUNDINGS

if TYPE_CHECKING:
    import pytest


def results_of(item: pytest.Item, report: pytest.TestReport, failure: str) -> Results:
    """What the phase of ``item`` that ``report`` is about has to tell; ``failure`` is what a check said."""
    log = item.stash.get(CHECK_LOG, None)
    recording = item.stash.get(RECORDING, None)
    updates = log.take_updates() if log else ()
    asked = log.take_asked() if log else ()
    if recording is None:
        return Results(updates=updates, asked=asked)
    failure = failure or (recording.failure if report.when == "call" else "")
    tracked = _row(recording, report) if report.when == "call" else None
    found = recording.findings if report.when == "teardown" and recording.in_run_file else None
    traces, trace_problem = recording.write_traces(report)
    return Results(
        tracked=(tracked,) if tracked else (),
        updates=updates,
        asked=asked,
        failure=failure if report.failed else "",
        findings=found.text(recording.footprint, recording.limit) if found else "",
        pictures=found.pictures(recording.footprint) if found and recording.pictures else "",
        devices=found.devices(recording.footprint) if found else (),
        traces=traces,
        trace_problem=trace_problem,
        rank=_rank(item, recording) if report.when == "call" else None,
    )


def _rank(item: pytest.Item, recording: Recording) -> RankResult | None:
    asks, footprint = item.stash[SURROUNDINGS].asks, recording.last or recording.footprint
    if asks is None or asks.first is None or footprint is None or not footprint.peak:
        return None
    device = max(footprint.peak, key=lambda each: footprint.peak[each].total)
    peak = {str(kind): int(nbytes) for kind, nbytes in footprint.peak[device].items()}
    end = int(footprint.end[device].total) if device in footprint.end else 0
    return RankResult(without_rank(item, asks.rank), asks.rank, device, peak, end)


def _row(recording: Recording, report: pytest.TestReport) -> TrackedTest | None:
    if recording.footprint is None:
        return None
    peak = recording.footprint.peak
    device = next(iter(recording.breaches), None) or max(peak, key=lambda each: peak[each].total, default=None)
    if device is None:
        return None
    own = recording.footprint.measured.get(device)
    from pytest_footprint.report import largest  # noqa: PLC0415 - loads when there is something to report

    limit = recording.limit
    return TrackedTest(
        test=report.nodeid,
        nbytes=int(peak[device].total),
        peak=f"{device} {peak[device].total}",
        allocated=str(own.allocated) if own else "",
        reserved=str(own.reserved) if own else "",
        largest=largest(peak[device]),
        limit="" if limit is None else limit.shown(device),
        verdict=_verdict(recording, report),
        module=next((group.fqn for group in recording.footprint.at_peak if group.device == device), ""),
        used=peak[device][limit.of] / limit.nbytes if limit is not None and limit.nbytes else None,
        more=recording.columns,
    )


def _verdict(recording: Recording, report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    return "over the limit" if report.failed and recording.breaches else report.outcome
