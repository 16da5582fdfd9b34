"""What differs between the baseline of several ranks and now."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_footprint.model.comparison import Comparison


@dataclass(frozen=True, slots=True)
class RankDifference:
    """Ranks that differ from their baseline in the same way."""

    ranks: tuple[int, ...]
    comparison: Comparison
    """With at least one change."""


@dataclass(frozen=True, slots=True)
class RankComparison:
    """The result of comparing each rank with its own baseline; falsy when nothing differs."""

    differences: tuple[RankDifference, ...] = ()
    """The one that grew most first."""
    ranks_before: tuple[int, ...] = ()
    """Ranks of the baseline."""
    ranks_after: tuple[int, ...] = ()

    @property
    def main(self) -> Comparison:
        """That of the ranks that grew most; nothing when only the ranks themselves are others."""
        return self.differences[0].comparison if self.differences else Comparison()

    @property
    def differing(self) -> tuple[int, ...]:
        """Ranks that are not as in the baseline."""
        return tuple(sorted(rank for one in self.differences for rank in one.ranks))

    def __bool__(self) -> bool:
        return bool(self.differences) or self.ranks_before != self.ranks_after
