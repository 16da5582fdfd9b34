"""Call orders, written short and read back exactly.

The order of a deep model repeats itself: ``GPT.layers.{0..11}{,.attn,.attn.qkv,.mlp}`` is twelve layers with
four modules each, and ``GPT.layers.{11..0}{,.mlp,.attn}`` the way back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_footprint.model.braces import alternatives, expand, times
from pytest_footprint.model.fqn import INDEX, components

_Parts = tuple[str, ...]

_LONGEST_LOOP = 8
"""Rows of a loop that are written as one. Longer ones would be one line that no diff can show parts of."""


def fold_order(fqns: Iterable[str]) -> list[str]:
    """Write runs of repeated layers, and loops, as one. `unfold_order` gives ``fqns`` back, in the same order."""
    return _fold([components(name) for name in fqns])


def unfold_order(texts: Iterable[str]) -> tuple[str, ...]:
    """All names in order.

    Raises:
        ValueError: a text is not in brace notation.
    """
    return tuple(name for text in texts for name in expand(text))


def _fold(calls: Sequence[_Parts]) -> list[str]:
    texts, at = [], 0
    while at < len(calls):
        text, length = _fold_layers(calls, at) or (".".join(calls[at]), 1)
        texts.append(text)
        at += length
    return _fold_loops(texts)


def _fold_layers(calls: Sequence[_Parts], start: int) -> tuple[str, int] | None:
    """The layers that begin at ``start``: their text, and how many calls they are."""
    first = calls[start]
    for position, part in enumerate(first):
        if not INDEX.fullmatch(part):
            continue
        # Inside a layer that did not fold there is nothing to find at its own index: this keeps long layers linear.
        if start and calls[start - 1][: position + 1] == first[: position + 1]:
            continue
        layer = _layer(calls, start, position)
        count, last = _count_layers(calls, start, position, layer)
        if count > 1:
            head = ".".join((*first[:position], f"{{{part}..{last}}}"))
            return head + alternatives(_fold(layer)), count * len(layer)
    return None


def _layer(calls: Sequence[_Parts], start: int, position: int) -> list[_Parts]:
    """Calls from ``start`` on that share the index at ``position``: what follows it, ``""`` first."""
    head, layer = calls[start][: position + 1], []
    for at in range(start, len(calls)):
        if calls[at][: position + 1] != head:
            break
        layer.append(("", *calls[at][position + 1 :]))
    return layer


def _count_layers(calls: Sequence[_Parts], start: int, position: int, layer: list[_Parts]) -> tuple[int, int]:
    """How many layers follow each other, up or down by one, and the index of the last."""
    first = calls[start]
    index, count, step = int(first[position]), 1, 0
    while True:
        at = start + count * len(layer)
        if at >= len(calls) or len(calls[at]) <= position or calls[at][:position] != first[:position]:
            break
        found = calls[at][position]
        if not INDEX.fullmatch(found) or abs(int(found) - index) != 1 or step not in {0, int(found) - index}:
            break
        if _layer(calls, at, position) != layer:
            break
        step = int(found) - index
        index, count = int(found), count + 1
    return count, index


def _fold_loops(texts: list[str]) -> list[str]:
    folded, at = [], 0
    while at < len(texts):
        period, count = 1, 1
        for length in range(1, min(_LONGEST_LOOP, (len(texts) - at) // 2) + 1):
            found = _count_loops(texts, at, length)
            if (found - 1) * length > (count - 1) * period:
                period, count = length, found
        body = alternatives(texts[at : at + period])
        folded.append(times(count, body) if count > 1 else body)
        at += period * count
    return folded


def _count_loops(texts: list[str], start: int, length: int) -> int:
    body, count = texts[start : start + length], 1
    while texts[start + count * length : start + (count + 1) * length] == body:
        count += 1
    return count
