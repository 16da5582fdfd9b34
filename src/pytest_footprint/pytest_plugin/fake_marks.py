"""What `fake_world`, `vary_rank` and `fake_tensors` ask for a test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pytest_footprint.pytest_plugin.marks import FAKE_TENSORS, FAKE_WORLD, VARY_RANK, MarkError

if TYPE_CHECKING:
    import pytest

RANK_FIXTURE = "_fake_rank"


class World(NamedTuple):
    """The fake world of a test."""

    size: int
    """Ranks in it."""
    rank: int
    """Which one the test is."""
    first: int | None
    """The first of the ranks that the test is run as; ``None`` when it does not vary."""


@dataclass(frozen=True, slots=True)
class FakeTensorsMark:
    """How tensors are faked."""

    allow_non_fake_inputs: bool


def world_of(item: pytest.Item) -> World | None:
    """What the closest markers of ``item`` ask for; ``None`` when they ask for no world.

    Raises:
        MarkError: one of them is written wrongly, or they contradict each other.
    """
    mark, ranks = item.get_closest_marker(FAKE_WORLD), ranks_of(item.get_closest_marker(VARY_RANK))
    if mark is None:
        if ranks:
            raise MarkError(VARY_RANK, f"ranks of what? Say how many there are: @pytest.mark.{FAKE_WORLD}(64)")
        return None
    size, rank = _size(mark), mark.kwargs.get("rank", 0)
    if ranks and "rank" in mark.kwargs:
        problem = f"rank={rank!r} is one rank and @pytest.mark.{VARY_RANK} names others: leave one of them out"
        raise MarkError(FAKE_WORLD, problem)
    for each in ranks or [rank]:
        if type(each) is not int or not 0 <= each < size:
            problem = f"rank {each!r} is not in a world of {size}: ranks are 0 to {size - 1}"
            raise MarkError(VARY_RANK if ranks else FAKE_WORLD, problem)
    return World(size, _varied(item) if ranks else rank, ranks[0] if ranks else None)


def ranks_of(mark: pytest.Mark | None) -> list[int]:
    """The ranks that a `vary_rank` marker names; none without one.

    Raises:
        MarkError: it names none, or something else, or one twice.
    """
    if mark is None:
        return []
    if mark.kwargs:
        raise MarkError(VARY_RANK, f"it takes ranks and no keyword {', '.join(map(repr, mark.kwargs))}")
    if wrong := [each for each in mark.args if type(each) is not int]:
        hint = "; write the ranks themselves, or *range(8)" if isinstance(wrong[0], list | tuple | range) else ""
        raise MarkError(VARY_RANK, f"{wrong[0]!r} is not a rank{hint}")
    if not mark.args:
        raise MarkError(VARY_RANK, "it names no rank")
    if twice := [each for at, each in enumerate(mark.args) if each in mark.args[:at]]:
        raise MarkError(VARY_RANK, f"rank {twice[0]} is named twice")
    return list(mark.args)


def tensors_of(item: pytest.Item) -> FakeTensorsMark | None:
    """What the closest `fake_tensors` marker of ``item`` asks for; ``None`` without one.

    Raises:
        MarkError: it is written wrongly.
    """
    mark = item.get_closest_marker(FAKE_TENSORS)
    if mark is None:
        return None
    _no_other_keyword(mark, "allow_non_fake_inputs")
    if mark.args:
        raise MarkError(FAKE_TENSORS, f"it takes keywords only; given: {', '.join(map(repr, mark.args))}")
    allow = mark.kwargs.get("allow_non_fake_inputs", False)
    if type(allow) is not bool:
        raise MarkError(FAKE_TENSORS, f"allow_non_fake_inputs={allow!r} is neither True nor False")
    return FakeTensorsMark(allow)


def vary(metafunc: pytest.Metafunc) -> None:
    """Run the test of ``metafunc`` once for each rank that its marker names; one that is wrong is told later."""
    try:
        ranks = ranks_of(metafunc.definition.get_closest_marker(VARY_RANK))
    except MarkError:
        return
    metafunc.fixturenames.append(RANK_FIXTURE)
    metafunc.parametrize(RANK_FIXTURE, ranks, indirect=True, ids=[f"rank{rank}" for rank in ranks])


def _size(mark: pytest.Mark) -> int:
    _no_other_keyword(mark, "rank")
    if len(mark.args) != 1:
        given = ", ".join(map(repr, mark.args)) or "none"
        raise MarkError(FAKE_WORLD, f"it takes the number of ranks, and the rank by keyword; numbers given: {given}")
    size = mark.args[0]
    if type(size) is not int or size < 1:
        raise MarkError(FAKE_WORLD, f"{size!r} is not a number of ranks; write 1 or more")
    return size


def _varied(item: pytest.Item) -> int:
    try:
        rank: int = item.callspec.params[RANK_FIXTURE]  # type: ignore[attr-defined]
    except (AttributeError, KeyError):
        problem = "pytest cannot parametrize this test (it does not parametrize unittest.TestCase); write a function"
        raise MarkError(VARY_RANK, problem) from None
    return rank


def _no_other_keyword(mark: pytest.Mark, keyword: str) -> None:
    if unknown := [name for name in mark.kwargs if name != keyword]:
        problem = f"it has no keyword {', '.join(map(repr, unknown))}; keywords: {keyword}"
        raise MarkError(mark.name, problem)
