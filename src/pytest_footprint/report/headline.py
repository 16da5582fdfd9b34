"""The line that says what happened and where: all that pytest's short summary shows."""

from __future__ import annotations

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Comparison, Culprit, OrderChange, Signal, SizeChange, TextChange
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.report.cause import TOTAL, cause
from pytest_footprint.report.findings import sentence, short
from pytest_footprint.report.sentences import text_lines
from pytest_footprint.report.telling import telling, telling_finding
from pytest_footprint.report.words import alike, kind, percent, signed

_MUCH = 0.25
_HOLDERS = "a line is where tensors are made; who keeps them, mem_tracker.assert_released(step) tells"


def headline(comparison: Comparison) -> str:
    """The largest change with its cause in short; the first line of a failure."""
    if comparison.sizes:
        verb = "is below" if improved(comparison) else "differs from"
        return f"memory {verb} its baseline: {change_line(comparison)}"
    match comparison.changes[0]:
        case TextChange(signal=Signal.SAVED):
            before = "what is saved for backward is not what the baseline says"
        case TextChange(signal=Signal.ORDER):
            before = "FSDP unshards otherwise than in the baseline"
        case OrderChange():
            before = "modules run in another order than in the baseline"
        case _:
            before = "the structure is not that of the baseline"
    return f"{before}: {change_line(comparison)}"


def change_line(comparison: Comparison) -> str:
    """``cpu peak +1 MiB (+0.6 %), 512 KiB more with every step: activations made in GPT.head``."""
    if comparison.sizes:
        return ": ".join(filter(None, [_moved(comparison), why(comparison)]))
    rest = len(comparison.changes) - 1
    more = rest and not telling_finding(comparison)
    return why(comparison) + (f", and {rest} more" if more else "")


def why(comparison: Comparison) -> str:
    """What is behind the largest change, in short; ``""`` when nothing is known."""
    if not comparison.sizes:
        return telling(comparison) or text_lines(comparison)[0]
    if blames := _blames_older(comparison):
        return blames
    found = cause(comparison)
    graph = "tensors saved for backward are still alive after the step" if comparison.graph_kept else ""
    return telling(comparison, found.dtypes) or graph or found.brief


def _blames_older(comparison: Comparison) -> str:
    """That much of the change was there before, in short; ``""`` when it was not."""
    main = cause(comparison).main
    for one in comparison.older:
        if one.device == main.device and abs(one.difference) >= _MUCH * abs(main.difference):
            what = kind(one.ref_type)
            if one.difference > 0:
                return f"{one.after} of {what} were there before this test began"
            return f"the baseline was taken with {one.before} of {what} that were there before the test began"
    return ""


def older_lines(comparison: Comparison) -> list[str]:
    """What ran before left it, and the way out; a sentence each."""
    lines = []
    for one in comparison.older:
        held = f"before the step there were {one.after} of {kind(one.ref_type)} on {one.device}, not {one.before}"
        left = "older than this test" if one.difference > 0 else "when the baseline was taken, older ones were there"
        lines.append(f"{held}: {left}")
    if lines:
        lines.append(
            "so this depends on what ran before (an earlier test, a session- or module-scoped fixture): build the model"
            " in the test, or bring it to one state first, as with model.zero_grad()"
        )
    return lines


def _moved(comparison: Comparison) -> str:
    main = cause(comparison).main
    said = f"{change_subject(main)} {signed(main.difference)} ({percent(main.percent)})"
    grows = [change for change in comparison.sizes if _is_leak(change) and change.device == main.device]
    if grows and main.signal is not Signal.GROWTH:
        said += f", {ByteSize(grows[0].after)} more with every step"
    return said


def details(comparison: Comparison) -> list[str]:
    """What is behind the headline of a comparison with sizes, one sentence a line."""
    found = cause(comparison)
    lines = [found.full]
    said = why(comparison)
    lines += [line for one in comparison.findings for line in (short(one), sentence(one)) if line not in {"", said}]
    if said == found.brief and found.part.subject == RefType.ACTIVATION and _is_over(comparison, found.main):
        lines.append("they are gone when the step is over: at its peak they are more, or live longer, than before")
    if found.dtypes not in {"", said}:
        lines.append(found.dtypes)
    lines += [
        f"of {group} only {layer} has such tensors alive at the peak: the others may have changed as it did"
        for layer, group in comparison.alone.items()
        if any(alike(layer, comparison.alone) in line for line in (said, *lines))
    ]
    if comparison.graph_kept:
        lines.append(_graph(comparison))
    if any(map(_is_held, comparison.culprits)):
        lines.append(_HOLDERS)
    return [*lines, *older_lines(comparison)]


def _is_over(comparison: Comparison, main: SizeChange) -> bool:
    """Whether more is alive at the peak, and as much as before after the step."""
    ends = {change.device for change in comparison.sizes if change.signal in {Signal.END, Signal.GROWTH}}
    return main.signal is Signal.PEAK and main.difference > 0 and main.device not in ends


def _graph(comparison: Comparison) -> str:
    grows = any(_is_leak(change) for change in comparison.sizes)
    how_many = "and with every step one more" if grows else "that of one step, and not more with every step"
    return (
        f"{comparison.graph_kept} of what is alive at the end was saved for backward: a graph outlives its step,"
        f" {how_many} (retain_graph, or a loss or output that is kept and was not detached)"
    )


def improved(comparison: Comparison) -> bool:
    """Whether all that changed is totals that went down; a type may go up in one that goes down."""
    if len(comparison.sizes) < len(comparison.changes) or comparison.older:
        return False  # another order or structure is for a person to judge, and so is what other tests leave
    totals = [change for change in comparison.sizes if change.subject == TOTAL]
    return bool(totals) and all(change.difference < 0 for change in totals)


def _is_held(one: Culprit) -> bool:
    """Whether somebody must hold it, and not the model or its optimizer."""
    return one.signal in {Signal.END, Signal.GROWTH} and one.ref_type is RefType.ACTIVATION and one.nbytes > 0


def _is_leak(change: SizeChange) -> bool:
    return change.signal is Signal.GROWTH and change.subject == TOTAL and change.after > max(0, change.before)


def change_subject(change: SizeChange) -> str:
    """``cpu peak``, ``cpu growth per step of activations``."""
    signal = "growth per step" if change.signal is Signal.GROWTH else change.signal.value
    whole = f"{change.device} {signal}"
    return whole if change.subject == TOTAL else f"{whole} of {subject_words(change)}"


def subject_words(change: SizeChange) -> str:
    """A reference type as words; the name of a module, which is the subject of what is saved, as it is."""
    if change.signal is Signal.SAVED:
        return change.subject or "code outside modules"
    return kind(change.subject)
