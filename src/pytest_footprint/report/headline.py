"""The one line that says what happened and why."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_footprint.model.comparison import Comparison, Culprit, OrderChange, Signal, SizeChange, TextChange
from pytest_footprint.report.orders import order_lines
from pytest_footprint.report.words import kind, percent, signed, tensors

TOTAL = "total"
_MOST = 0.5


def headline(comparison: Comparison) -> str:
    """The largest change with its cause; the first line of a failure."""
    if comparison.sizes:
        return _of_sizes(comparison)
    first, rest = text_lines(comparison)[0], len(comparison.changes) - 1
    tail = f", and {rest} more" if rest else ""
    match comparison.changes[0]:
        case OrderChange():
            return f"modules run in another order than in the baseline: {first}{tail}"
        case TextChange(signal=Signal.SAVED):
            return f"what is saved for backward is not what the baseline says: {first}{tail}"
        case _:
            return f"the structure is not that of the baseline: {first}{tail}"


def text_lines(comparison: Comparison) -> list[str]:
    """Changes of orders, of what is saved and of the structure, one line each."""
    lines = list(order_lines(change for change in comparison.changes if isinstance(change, OrderChange)))
    return lines + [_line(change) for change in comparison.changes if isinstance(change, TextChange)]


def _line(change: TextChange) -> str:
    if change.signal is Signal.SAVED:
        return f"{change.subject} saves {change.after or 'less'} for backward, not {change.before or 'less'}"
    if change.subject == "tied":
        if change.before and change.after:
            return f"tied otherwise: {change.before} -> {change.after}"
        return f"now tied: {change.after}" if change.after else f"no longer tied: {change.before}"
    if not change.before:
        return f"{change.subject} is new: {change.after}"
    if not change.after:
        return f"{change.subject} is gone: it was {change.before}"
    return f"{change.subject}: {change.before} -> {change.after}"


def _of_sizes(comparison: Comparison) -> str:
    main = _main(comparison.sizes)
    verb = "is below" if improved(comparison) else "differs from"
    moved = f"{signed(main.difference)} ({percent(main.percent)})"
    said = [f"memory {verb} its baseline: {main.device} {_subject(main)} {moved}"]
    parts = [
        change
        for change in comparison.sizes
        if (change.signal, change.device) == (main.signal, main.device) and change.subject != TOTAL
    ]
    if main.subject == TOTAL and main.signal is not Signal.SAVED and parts:
        said.append(f"{subject_words(parts[0])} {signed(parts[0].difference)}")
    culprit, change = _largest(comparison, main, parts), parts[0] if parts else main
    share = culprit.nbytes / change.difference if culprit else 0
    # Tensors that explain little are told after modules that run otherwise, which explain a lot.
    if share < _MOST and (lines := text_lines(comparison)):
        return f"{', '.join(said)}; {lines[0]}"
    if culprit:
        said.append(_kept(culprit, share))
    return ", ".join(said)


def improved(comparison: Comparison) -> bool:
    """Whether all totals that changed went down; a type may go up in one that goes down."""
    totals = [change for change in comparison.sizes if change.subject == TOTAL]
    return bool(totals) and all(change.difference < 0 for change in totals)


def _main(changes: Sequence[SizeChange]) -> SizeChange:
    """The first total that grew, since that is what people must know; or else the first total, or what grew."""
    candidates = [change for change in changes if change.subject == TOTAL] or changes
    return next((change for change in candidates if change.difference > 0), candidates[0])


def _subject(change: SizeChange) -> str:
    signal = "growth per step" if change.signal is Signal.GROWTH else change.signal.value
    return signal if change.subject == TOTAL else f"{signal} of {subject_words(change)}"


def subject_words(change: SizeChange) -> str:
    """A reference type as words; the name of a module, which is the subject of what is saved, as it is."""
    return change.subject if change.signal is Signal.SAVED else kind(change.subject)


def _largest(comparison: Comparison, main: SizeChange, parts: list[SizeChange]) -> Culprit | None:
    """The tensors that explain the most of what moved most, in the same direction."""
    ref_type = (parts[0] if parts else main).subject if main.signal is not Signal.SAVED else None
    up = (parts[0] if parts else main).difference > 0
    signals = {main.signal, Signal.END} if main.signal is Signal.GROWTH else {main.signal}
    found = [
        one
        for one in comparison.culprits
        if one.signal in signals
        and one.device == main.device
        and ref_type in {None, one.ref_type.value}
        and (one.nbytes > 0) == up
    ]
    return max(found, key=lambda one: abs(one.nbytes), default=None)


def _kept(culprit: Culprit, share: float) -> str:
    how_much = "" if share >= 1 else "mostly " if share >= _MOST else "the largest part "
    verb = "kept by" if culprit.nbytes > 0 else "no longer kept by"
    where = f", {culprit.source}" if culprit.source else ""
    op = f" from {culprit.op}" if culprit.op else ""
    module = culprit.fqn or "code outside modules"
    return f"{how_much}{verb} {module}: {tensors(culprit.count, culprit.dtype, culprit.shape)}{op}{where}"
