"""One value of each rank of a distributed program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from pytest_footprint.model.rank_numbers import rank_numbers

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class RankGroup(Generic[T_co]):
    """Ranks whose values are alike."""

    ranks: tuple[int, ...]
    """In ascending order."""
    value: T_co


@dataclass(frozen=True, slots=True)
class RankValues(Mapping[int, T_co]):
    """The value of each rank, in ascending order: ``values[3]``.

    Raises:
        ValueError: there are none, or a rank is not a whole number from 0 on.
    """

    by_rank: Mapping[int, T_co]

    def __post_init__(self) -> None:
        wrong = [rank for rank in self.by_rank if not isinstance(rank, int) or isinstance(rank, bool) or rank < 0]
        if wrong or not self.by_rank:
            what = f"{wrong[0]!r} is not a rank, which is a number from 0 on" if wrong else "there are none"
            msg = f"values of ranks: {what}"
            raise ValueError(msg)
        object.__setattr__(self, "by_rank", {rank: self.by_rank[rank] for rank in sorted(self.by_rank)})

    def __getitem__(self, rank: int) -> T_co:
        try:
            return self.by_rank[rank]
        except KeyError:
            msg = f"there is no rank {rank!r}; ranks: {rank_numbers(self.by_rank)}"
            raise KeyError(msg) from None

    def __iter__(self) -> Iterator[int]:
        return iter(self.by_rank)

    def __len__(self) -> int:
        return len(self.by_rank)

    @property
    def groups(self) -> tuple[RankGroup[T_co], ...]:
        """Ranks that are alike, the most first; those with the lowest rank first where there are as many."""
        return alike(self, _itself)

    @property
    def common(self) -> T_co:
        """The value of most ranks."""
        return self.groups[0].value

    @property
    def differing(self) -> tuple[int, ...]:
        """Ranks that do not have the `common` value."""
        return tuple(sorted(rank for group in self.groups[1:] for rank in group.ranks))

    @property
    def alike(self) -> bool:
        """Whether all ranks have the same value."""
        return len(self.groups) == 1


def alike(values: Mapping[int, T], told: Callable[[T], object]) -> tuple[RankGroup[T], ...]:
    """Ranks of which `told` says the same, the most first."""
    found: list[tuple[object, T, list[int]]] = []
    for rank, value in values.items():
        said = told(value)
        for other, first, ranks in found:
            if value is first or said == other:
                ranks.append(rank)
                break
        else:
            found.append((said, value, [rank]))
    groups = [RankGroup(tuple(ranks), value) for _, value, ranks in found]
    return tuple(sorted(groups, key=lambda group: (-len(group.ranks), group.ranks[0])))


def _itself(value: T) -> T:
    return value
