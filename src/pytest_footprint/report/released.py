"""What a person reads when something outlives the function that made it."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.live_group import LiveGroup

_ROWS = 5
_NOBODY = "no variable that Python can see: a reference inside C++, or an object that hides what it holds"


def released_text(name: str, alive: Sequence[tuple[LiveGroup, str]]) -> str:
    """What is alive, who made it where, and who holds it; the largest first.

    Args:
        name: the function's.
        alive: tensors that look alike, and the holder of one of them; ``""`` where nobody was found.
    """
    groups = sorted(alive, key=lambda row: -row[0].nbytes)
    count, nbytes = sum(group.count for group, _ in groups), ByteSize(sum(group.nbytes for group, _ in groups))
    several = count > 1
    made = f"{count} tensors ({nbytes}) that {name} made are" if several else f"a tensor ({nbytes}) that {name} made is"
    holder = groups[0][1].partition(": ")[0] or _NOBODY  # the chain of a graph has room below
    lines = [f"{made} still alive{', the largest' if several else ''}, held by {holder}"]
    for group, holder in groups[:_ROWS]:
        lines += ["", f"  {group.nbytes} {group}", f"    held by {holder or _NOBODY}"]
    if len(groups) > _ROWS:
        lines += ["", f"  ... and {len(groups) - _ROWS} more of other shapes or makers"]
    return "\n".join(lines)
