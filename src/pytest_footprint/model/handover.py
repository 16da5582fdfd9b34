"""How processes that a test starts hand their footprints over to it: one file each, in a folder that both know."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.rank_footprints import RankFootprints, on_first_device
from pytest_footprint.model.rank_numbers import ranks_said

FOLDER = "PYTEST_FOOTPRINT_CHILDREN"
"""Environment variable that names the folder: child processes inherit it."""


def hand_over(footprint: Footprint, *, rank: int) -> None:
    """Give ``footprint`` to the test that started this process, which has the fixture ``child_footprints``.

    Args:
        footprint: what this process took.
        rank: of this process, from 0 on. What it handed over before is replaced.

    Raises:
        RuntimeError: no test waits for it.
        ValueError: ``rank`` is no number from 0 on.
    """
    folder = os.environ.get(FOLDER)
    if not folder:
        msg = "hand_over: no test waits for footprints; the test that starts this process needs child_footprints"
        raise RuntimeError(msg)
    if not isinstance(rank, int) or isinstance(rank, bool) or rank < 0:
        msg = f"hand_over: rank={rank!r} is not a rank, which is a number from 0 on"
        raise ValueError(msg)
    path = Path(folder, f"{rank}.json")
    written = path.with_suffix(f".{os.getpid()}")
    written.write_text(footprint.to_json(), "utf-8")
    written.replace(path)  # in one step: the test may look at any time


def handed_over(folder: Path, ranks: int | None = None) -> RankFootprints:
    """What children put into ``folder``.

    Args:
        folder: where `hand_over` puts it.
        ranks: how many there must be; as many as there are when ``None``.

    Raises:
        AssertionError: some did not hand over theirs, or there are more than that.
    """
    found = {int(path.stem): path for path in folder.glob("*.json")}
    wanted = range(ranks) if ranks is not None else range(max(found, default=0) + 1)
    if missing := [rank for rank in wanted if rank not in found]:
        who = f"{ranks_said(missing)} of {len(wanted)}" if found else "every rank"
        msg = f"{who} ended without hand_over(footprint, rank=rank), so there is no footprint of it"
        raise AssertionError(msg)
    if more := [rank for rank in sorted(found) if rank not in wanted]:
        msg = f"{ranks_said(more)} handed over footprints too, and {ranks} ranks were asked for"
        raise AssertionError(msg)
    read = {rank: Footprint.from_json(found[rank].read_text("utf-8")) for rank in wanted}
    return RankFootprints({rank: on_first_device(footprint) for rank, footprint in read.items()})
