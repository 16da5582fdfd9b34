"""The page of a history: each peak over the commits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_footprint.model.peak_history import PeakAt, PeakHistory
from pytest_footprint.report.history import history_title
from pytest_footprint.report.page.html import UPLOT, page
from pytest_footprint.report.words import percent, signed

_SCRIPTS = (UPLOT, "dom.js", "history.js")


def history_page(histories: Sequence[PeakHistory], *, runs: int, every: bool = False) -> str:
    """One HTML document, with the arguments of `history_text`; it shows every turn and every run."""
    moved = [each for each in histories if len(each.turns) > 1]
    still = [each for each in histories if len(each.turns) == 1]
    shown = [*moved, *(still if every else [])]
    count = f"{len(moved)} of {len(histories)} footprint{'s' * (len(histories) != 1)} changed"
    said = f"{count} in {runs} run{'s' * (runs != 1)}"
    left = f"{len(still)} never changed since the first run." if still else ""
    return page(
        "history.html",
        _SCRIPTS,
        title=said,
        said=f"{said}.",
        still=left,
        shown=[_view(each) for each in shown],
        peaks=[[_peak(peak) for peak in each.peaks] for each in shown],
    )


def _view(history: PeakHistory) -> dict[str, Any]:
    before = (None, *history.turns[:-1])
    return {
        "title": history_title(history),
        "device": history.device,
        "turns": [_turn(was, now) for was, now in zip(before, history.turns, strict=True)][::-1],
    }


def _turn(was: PeakAt | None, now: PeakAt) -> dict[str, Any]:
    moved = None if was is None else now.peak - was.peak
    share = None if moved is None or was is None or not was.peak else 100 * moved / was.peak
    return {
        "commit": now.commit,
        "time": _minute(now),
        "peak": str(now.peak),
        "difference": "" if moved is None else f"{signed(moved)} ({percent(share)})",
        "way": "" if moved is None else "more" if moved > 0 else "less",
    }


def _peak(peak: PeakAt) -> dict[str, Any]:
    return {"commit": peak.commit, "time": _minute(peak), "bytes": int(peak.peak)}


def _minute(peak: PeakAt) -> str:
    return peak.time[:16].replace("T", " ")
