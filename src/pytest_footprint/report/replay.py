"""The footprints of a recording as tables."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.run import TakenFootprint
from pytest_footprint.report.footprint_table import footprint_text
from pytest_footprint.report.summary import largest
from pytest_footprint.report.table import table
from pytest_footprint.report.value_text import order_text, orders
from pytest_footprint.report.words import more

_ROWS = 20


def replay_text(taken: Sequence[TakenFootprint], chosen: str, head: str, *, verbose: bool = False) -> str:
    """A row for each footprint where there are several, then all tables and orders of one.

    Args:
        taken: the footprints of a recording, in the order in which they were taken.
        chosen: the name of the one that is shown.
        head: what was recorded.
        verbose: every row, in full.
    """
    footprint = next(each.footprint for each in taken if each.name == chosen)
    parts = [head]
    if len(taken) > 1:
        parts.append(_overview(taken, chosen, verbose=verbose))
    parts += [f"{chosen}:", footprint_text(footprint, verbose=verbose), *_orders(footprint, verbose=verbose)]
    return "\n\n".join(parts)


def _overview(taken: Sequence[TakenFootprint], chosen: str, *, verbose: bool) -> str:
    rows = [
        (each.name, str(each.footprint.steps), f"{device} {usage.total}", largest(usage))
        for each in taken
        for device, usage in each.footprint.peak.items()
    ]
    shown = rows if verbose else rows[:_ROWS]
    text = table(("footprint", "steps", "peak", "largest"), shown, right="steps peak")
    if len(shown) < len(rows):
        text += f"\n{more(len(rows) - len(shown))}"
    other = next(each.name for each in taken if each.name != chosen)
    return f"{text}\n--footprint NAME shows another one than {chosen!r}, as --footprint {quoted(other)}"


def quoted(name: str) -> str:
    """A name as one writes it in a shell."""
    return name if name.isalnum() else f'"{name}"'


def _orders(footprint: Footprint, *, verbose: bool) -> list[str]:
    return [order_text(name, fqns, verbose=verbose) for name, fqns in orders(footprint.hierarchy) if fqns]
