"""FSDP's all-gathers as rows of a baseline: names folded, and beside them how far ahead each was issued."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from pytest_footprint.baseline import toml
from pytest_footprint.model.call_order import fold_order
from pytest_footprint.model.unshard import BACKWARD, FORWARD, Unshard, unshards_in

TABLE, MOST = "unshards", "most_at_once"
_COUNTED = " x "
_RUN = re.compile(r"(?:(\d+) x )?(\d+)")


def write_unshards(unshards: Iterable[Unshard], most: int) -> Iterator[str]:
    """The lines of the table; none for a model that is not sharded."""
    unshards = list(unshards)
    if not unshards and not most:
        return
    yield toml.header(TABLE)
    yield f"{MOST} = {most}"
    for order in (FORWARD, BACKWARD):
        found = unshards_in(unshards, order)
        yield toml.array(order, map(toml.string, fold_order(each.fqn for each in found)))
        if any(each.ahead for each in found):
            yield toml.pair(ahead_of(order), _counts([each.ahead for each in found]))


def ahead_of(order: str) -> str:
    """The key of the distances that go with the names of an order."""
    return f"{order}_ahead"


def _counts(numbers: Sequence[int]) -> str:
    """``0, 31 x 1``: once 0, then 31 times 1."""
    runs = [(number, len(list(run))) for number, run in groupby(numbers)]
    return ", ".join(f"{count}{_COUNTED}{number}" if count > 1 else str(number) for number, count in runs)


def read_unshards(order: str, names: Sequence[str], ahead: str | None) -> Iterator[Unshard]:
    """What `write_unshards` was given.

    Raises:
        ValueError: the distances are not numbers, or not as many as there are names.
    """
    numbers = [0] * len(names) if ahead is None else [number for part in ahead.split(", ") for number in _run(part)]
    if len(numbers) != len(names):
        msg = f"{len(names)} names, and {len(numbers)} numbers in {ahead_of(order)}"
        raise ValueError(msg)
    for name, number in zip(names, numbers, strict=True):
        yield Unshard(name, order, number)


def _run(text: str) -> list[int]:
    match = _RUN.fullmatch(text)
    if match is None:
        msg = f"{text!r} is not a number, or as many of one, as in '0, 31{_COUNTED}1'"
        raise ValueError(msg)
    return [int(match[2])] * int(match[1] or 1)
