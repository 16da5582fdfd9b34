"""What a person reads when a value is not what its baseline says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_footprint.model.comparison import Comparison, Culprit, Signal, SizeChange
from pytest_footprint.report.headline import details, headline, improved, subject_words
from pytest_footprint.report.sentences import text_lines
from pytest_footprint.report.table import WIDTH, ending, indented, table, wrapped
from pytest_footprint.report.tensors import culprit_rows, tensor_table
from pytest_footprint.report.words import VERBOSE, more, percent, signed

_SIZES = 7
_CULPRITS = 5
_LINES = 4
"""Rows of each part that together fit on one screen."""

_ALL_OF_IT = ", all of it"
_LEAST = 4
"""Letters that are left of a name at least."""


def failure_text(comparison: Comparison, *, accept: str, verbose: bool = False, note: str = "") -> str:
    """Headline, what changed, what grew, and how to accept it; one screen unless ``verbose``.

    Args:
        comparison: with at least one change.
        accept: the command that makes the new value the baseline.
        verbose: show every row, in full.
        note: what else there is to say, in one line.
    """
    said = "to accept it as the new baseline"
    if improved(comparison):
        said = "this is less memory; where that was meant, store it, so that it is defended from now on"
    parts = difference_parts(comparison, headline(comparison), verbose=verbose)
    if note:
        parts.append("\n".join(_fitting([note], verbose=verbose)))
    return "\n\n".join([*parts, f"{said}: {accept}"])


def difference_parts(
    comparison: Comparison, first: str, *, verbose: bool, sides: tuple[str, str] = ("baseline", "now")
) -> list[str]:
    """What differs, in paragraphs: ``first`` with the sentences behind it, what changed, what grew."""
    lines = text_lines(comparison)
    parts = [first]
    if comparison.sizes:
        parts[0] += "".join(f"\n{line}" for line in _fitting(details(comparison), verbose=verbose))
        parts.append(sizes_table(comparison.sizes, None if verbose else _SIZES, sides=sides))
    if comparison.culprits:
        parts.append(culprits_table(comparison.culprits, None if verbose else _CULPRITS))
    if lines and (comparison.sizes or len(lines) > 1 or verbose):
        parts.append(_lines(_title(comparison), lines, None if verbose else _LINES))
    if comparison.recorded:
        told = ", ".join(f"{name} {was} -> {now}" for name, (was, now) in comparison.recorded.items())
        parts.append(f"the {sides[0]} comes from another environment ({' -> '.join(sides)}): {told}")
    return parts


def sizes_table(
    changes: Sequence[SizeChange],
    limit: int | None,
    *,
    sides: tuple[str, str] = ("baseline", "now"),
    hint: str = VERBOSE,
) -> str:
    """The byte counts that changed, under headers; at most ``limit`` of them, of every signal some."""
    rows = _without_repetition(changes)
    shown = rows if limit is None else _fairly(rows, limit)
    cells, last = [], None
    for change, note in shown:
        where = f"{change.device} {subject_words(change)}{note}"
        signal = change.signal.value if change.signal is not last else ""
        last = change.signal
        moved = (str(change.before), str(change.after), signed(change.difference), percent(change.percent))
        cells.append((signal, where, *moved))
    headers = ("changed", "what", *sides, "difference", "%")
    width = None if limit is None else WIDTH
    text = table(headers, cells, right=f"{' '.join(sides)} difference %", elastic={"what": _shorter}, width=width)
    return text if len(shown) == len(rows) else f"{text}\n{more(len(rows) - len(shown), hint)}"


def _shorter(what: str, width: int) -> str:
    """What a count is of, with the end of its name."""
    short = what if len(what) <= width else what.replace(f"{_ALL_OF_IT} ", ", all ")
    head, space, name = short.rpartition(" ")
    return short if len(short) <= width else f"{head}{space}{ending(name, max(_LEAST, width - len(head) - 1))}"


def _without_repetition(changes: Sequence[SizeChange]) -> list[tuple[SizeChange, str]]:
    """Each change with a note; one that alone makes up its whole total is told in the total's row."""
    together: dict[tuple[str, str], list[SizeChange]] = {}
    for change in changes:
        together.setdefault((change.signal, change.device), []).append(change)
    rows: list[tuple[SizeChange, str]] = []
    for same in together.values():
        match same:
            case [SizeChange(subject="total") as total, part] if part.difference == total.difference:
                rows.append((total, f"{_ALL_OF_IT} {subject_words(part)}"))
            case _:
                rows += [(change, "") for change in same]
    return rows


def _fairly(rows: Sequence[tuple[SizeChange, str]], limit: int) -> list[tuple[SizeChange, str]]:
    """The first rows of every signal and device, in order: none is crowded out by one that has many."""
    seen: dict[tuple[str, str], int] = {}
    ranks = []
    for at, (change, _) in enumerate(rows):
        key = (change.signal, change.device)
        ranks.append((seen.get(key, 0), at))
        seen[key] = seen.get(key, 0) + 1
    return [rows[at] for at in sorted(at for _, at in sorted(ranks)[:limit])]


def culprits_table(culprits: Iterable[Culprit], limit: int | None, *, title: str = "", hint: str = VERBOSE) -> str:
    """The tensors behind the changes; at most ``limit`` rows."""
    rows = culprit_rows(culprits, brief=limit is not None)
    shrank = {row.size.startswith("-") for row in rows[:limit]}
    title = title or (
        "what grew and what shrank" if len(shrank) > 1 else "what shrank" if True in shrank else "what grew"
    )
    return tensor_table(title, rows, limit=limit, hint=hint)


def _title(comparison: Comparison) -> str:
    signals = dict.fromkeys(change.signal for change in comparison.changes if not isinstance(change, SizeChange))
    *others, last = [signal.value for signal in (Signal.ORDER, Signal.SAVED, Signal.STRUCTURE) if signal in signals]
    return f"{', '.join(others)} and {last}" if others else last


def _lines(title: str, lines: Sequence[str], limit: int | None) -> str:
    shown = list(lines) if limit is None else _fitting(lines[:limit], verbose=False)
    if len(shown) < len(lines):
        shown.append(more(len(lines) - len(shown)))
    return indented("\n".join([f"{title}:", *shown])).removeprefix("  ")


def _fitting(lines: Iterable[str], *, verbose: bool) -> list[str]:
    return list(lines) if verbose else [part for line in lines for part in wrapped(line, WIDTH - 2)]
