"""With and without: what one way of doing a thing takes against another."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Comparison, Culprit, Signal
from pytest_footprint.model.figure import Figure
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.live_group import summed_up
from pytest_footprint.model.saving import Saving
from pytest_footprint.model.usage import USAGE_FIELDS
from pytest_footprint.report.failure import culprits_table, sizes_table
from pytest_footprint.report.sentences import text_lines
from pytest_footprint.report.table import WIDTH, indented, table, wrapped
from pytest_footprint.report.tensors import live_rows, tensor_table
from pytest_footprint.report.words import more

_SIDES = ("off", "on")
_SIZES = 12
_ROWS = 5
_SIGNALS = {"peak": Signal.PEAK, "saved": Signal.SAVED, "end": Signal.END, "growth": Signal.GROWTH}


def comparison_text(comparison: Comparison) -> str:
    """What differs between "off" and "on", on one screen."""
    if not comparison:
        return "off and on take and leave the same, in the same order"
    parts = []
    if comparison.sizes:
        parts.append(sizes_table(comparison.sizes, _SIZES, sides=_SIDES, hint=""))
    if comparison.culprits:
        parts.append(culprits_table(comparison.culprits, _ROWS, hint=""))
    if lines := text_lines(comparison):
        shown = [part for line in lines[:_ROWS] for part in wrapped(line, WIDTH - 2)]
        rest = [more(len(lines) - _ROWS, "")] if len(lines) > _ROWS else []
        parts.append("\n".join(["off -> on:", indented("\n".join([*shown, *rest]))]))
    return "\n\n".join(parts)


def saving_text(savings: Sequence[Saving], on: Footprint, comparison: Comparison, device: str) -> str:
    """Why "on" does not save enough: all numbers that were looked at, what it takes, and what only it takes.

    Args:
        savings: at least one of them is not enough.
        on: what "on" took.
        comparison: of "off" with "on".
        device: that the numbers are of.
    """
    short = next(saving for saving in savings if not saving.enough)
    parts = [_headline(short, device), _table(savings)]
    if groups := short.figure.groups(on, device):
        title = "on keeps for backward" if short.figure.moment == "saved" else f"on has at {_moment(short.figure)}"
        parts.append(tensor_table(title, live_rows(summed_up(groups)), limit=_ROWS, hint=""))
    if new := [one for one in comparison.culprits if one.nbytes > 0 and _is_about(one, short.figure, device)]:
        parts.append(culprits_table(new, _ROWS, title="on has more of", hint=""))
    return "\n\n".join(parts)


def _headline(short: Saving, device: str) -> str:
    what, numbers = f"{short.figure.words} ({device})", f"{short.off} off, {short.on} on"
    if short.off == 0:
        asked = ' (does anything require grad, is there a backward? if none is meant, of="peak")'
        return f"nothing to save in {what}: {numbers}{asked if short.figure.moment == 'saved' else ''}"
    if short.nbytes <= 0:
        more_by = f", {ByteSize(-short.nbytes)} more" if short.nbytes else ""
        return f"on saves nothing of {what}: {numbers}{more_by}"
    saves = short.nbytes if short.demanded.nbytes else _share(short)
    lacks = f"{ByteSize(-short.slack)} too much"
    return f"on saves {saves} of {what}, not {short.demanded}: {numbers}, {lacks}"


def _table(savings: Sequence[Saving]) -> str:
    rows = [
        (
            str(saving.figure),
            str(saving.off),
            str(saving.on),
            str(saving.nbytes),
            _share(saving),
            str(saving.demanded),
            _verdict(saving),
        )
        for saving in savings
    ]
    return table(("of", "off", "on", "saved", "%", "at least", ""), rows, right="off on saved %")


def _verdict(saving: Saving) -> str:
    if saving.nbytes <= 0:
        return "saves nothing"
    return f"{saving.slack} to spare" if saving.enough else f"{ByteSize(-saving.slack)} too little"


def _share(saving: Saving) -> str:
    return "-" if saving.percent is None else f"{saving.percent:.3g} %"


def _moment(figure: Figure) -> str:
    return "its peak" if figure.moment == "peak" else "its end"


def _is_about(one: Culprit, figure: Figure, device: str) -> bool:
    about = {_SIGNALS.get(figure.moment), Signal.END if figure.moment == "growth" else None}
    return one.device == device and one.signal in about and figure.part in {USAGE_FIELDS[0], one.ref_type.value}
