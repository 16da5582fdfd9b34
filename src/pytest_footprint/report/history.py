"""How peaks went over the commits."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_footprint.model.peak_history import PeakHistory
from pytest_footprint.model.run import WHOLE_TEST
from pytest_footprint.report.run_rows import footprint_title
from pytest_footprint.report.table import WIDTH, indented, table, wrapped
from pytest_footprint.report.words import more, percent, signed

_TURNS = 10
_COMMIT = 12


def history_text(histories: Sequence[PeakHistory], *, runs: int, every: bool = False, verbose: bool = False) -> str:
    """For each footprint the commits since which its peak is another one, newest last.

    Args:
        histories: what to show; those that never changed are counted, unless ``every`` is set.
        runs: how many runs there are.
        every: also those that never changed.
        verbose: all turns, and commits in full.
    """
    moved = [each for each in histories if len(each.turns) > 1]
    still = [each for each in histories if len(each.turns) == 1]
    count = f"{runs} run{'s' * (runs != 1)}, {len(histories)} footprint{'s' * (len(histories) != 1)}"
    parts = [f"{count}: {len(moved)} changed since the first run, {len(still)} never did"]
    told = moved if every or verbose else [each for each in moved if not _told_by_others(each, moved)]
    for each in [*told, *(still if every else [])]:
        title = "\n".join(wrapped(f"{history_title(each)}, peak on {each.device}", WIDTH))
        parts.append(f"{title}\n{indented(_turns(each, verbose=verbose))}")
    if len(told) < len(moved):
        left = more(len(moved) - len(told), "")
        parts.append(f"{left}, of whole tests that are told by what is measured in them (-v shows all)")
    return "\n\n".join(parts)


def history_title(history: PeakHistory) -> str:
    """``test_gpt.py::test_step, run``; ``whole test`` where it is that."""
    if history.footprint == WHOLE_TEST:
        return f"{history.test}, whole test"
    return footprint_title(history.test, history.footprint)


def _told_by_others(history: PeakHistory, moved: Sequence[PeakHistory]) -> bool:
    """Whether it is of a whole test in which something that is measured on purpose has changed, too."""
    return history.footprint == WHOLE_TEST and any(
        (other.test, other.device) == (history.test, history.device) and other is not history for other in moved
    )


def _turns(history: PeakHistory, *, verbose: bool) -> str:
    turns = history.turns
    before = (None, *turns[:-1])
    cells = []
    for was, now in zip(before, turns, strict=True):
        difference = now.peak - was.peak if was else None
        share = 100 * difference / was.peak if was and was.peak and difference is not None else None
        moved = ("", "") if difference is None else (signed(difference), percent(share))
        commit = now.commit if verbose else now.commit[:_COMMIT]
        cells.append((commit, now.time[:16].replace("T", " "), str(now.peak), *moved))
    shown = cells if verbose else cells[-_TURNS:]
    text = table(("since", "time (UTC)", "peak", "difference", "%"), shown, right="peak difference %")
    return text if len(shown) == len(cells) else f"{text}\n{more(len(cells) - len(shown))}"
