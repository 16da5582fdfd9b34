"""The baselines of a test with `vary_rank`: ranks that equal the first one share its file."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_footprint.baseline import BaselineFormatError, read
from pytest_footprint.baseline.kinds import Value
from pytest_footprint.comparison import compare
from pytest_footprint.pytest_plugin.fake_marks import ranks_of
from pytest_footprint.pytest_plugin.marks import VARY_RANK
from pytest_footprint.pytest_plugin.node_ids import as_rank, test_id
from pytest_footprint.pytest_plugin.results import LIKE_FIRST_RANK, BaselineUpdate
from pytest_footprint.pytest_plugin.surroundings import SURROUNDINGS
from pytest_footprint.pytest_plugin.texts import shown

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True, slots=True)
class RankFiles:
    """The file of one check of one rank, and those of the other ranks."""

    own: Path
    shown: Callable[[Path], str]
    """Paths as the user would type them."""
    first: Path | None = None
    """That of the first rank, which holds for each rank that has none of its own; ``None`` when this is the first."""
    says: str = ""
    """What to say of a difference to that one."""
    others: tuple[Path, ...] = ()
    """Those of the other ranks, when this is the first."""

    @classmethod
    def of(cls, item: pytest.Item, path_of: Callable[[str], Path]) -> RankFiles:
        """Those of ``item``, given the file for each test id."""
        own, name = path_of(test_id(item)), partial(shown, config=item.config)
        asks = item.stash[SURROUNDINGS].asks
        if asks is None or asks.first is None:
            return cls(own, name)
        if asks.rank != asks.first:
            says = f"held against the baseline of rank {asks.first}: rank {asks.rank} has none of its own"
            return cls(own, name, path_of(as_rank(item, asks.rank, asks.first)), says)
        ranks = ranks_of(item.get_closest_marker(VARY_RANK))
        others = (path_of(as_rank(item, asks.rank, each)) for each in ranks if each != asks.first)
        return cls(own, name, others=tuple(others))

    @property
    def held(self) -> Path:
        """The file to hold the value against."""
        return self.first if self.first is not None and self.first.exists() and not self.own.exists() else self.own

    def note(self, held: Path) -> str:
        """What else there is to say of a difference to the file that was ``held``."""
        return self.says if held == self.first else ""

    def drop_equal(self, updates: list[BaselineUpdate]) -> None:
        """Delete the files that say what that of the first rank says, and tell so in ``updates``.

        Each rank does so after it has written, so whichever of two processes comes second sees both files. Both may
        see them: the one that deletes tells. A file that is new in this run is as if it had never been.
        """
        pairs = [(self.first, self.own)] if self.first is not None else [(self.own, other) for other in self.others]
        for first, other in pairs:
            kept, known = _stored(first), _stored(other)
            # Both are of one kind: the same check has stored them.
            if kept is not None and type(kept) is type(known) and not compare(kept, known):  # type: ignore[type-var]
                with suppress(FileNotFoundError):
                    other.unlink()
                    _tell_gone(self.shown(other), updates)


def _tell_gone(baseline: str, updates: list[BaselineUpdate]) -> None:
    written = [update for update in updates if update.baseline == baseline]
    updates[:] = [update for update in updates if update.baseline != baseline]
    if all(update.before for update in written):
        updates.append(BaselineUpdate(baseline, "its own", LIKE_FIRST_RANK))


def _stored(path: Path) -> Value | None:
    try:
        return read(path)
    except (OSError, BaselineFormatError):
        return None
