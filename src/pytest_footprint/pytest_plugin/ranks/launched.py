"""What a run does otherwise when a launcher started it as one of several ranks."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_footprint.pytest_plugin.output.writers import writers
from pytest_footprint.pytest_plugin.ranks.launch import Launch
from pytest_footprint.pytest_plugin.ranks.ranks import RankEnd, Ranks
from pytest_footprint.pytest_plugin.results import Receiver
from pytest_footprint.pytest_plugin.settings import RANKS, SETTINGS

if TYPE_CHECKING:
    import pytest


def join_ranks(config: pytest.Config) -> bool:
    """Prepare to meet the others, and say whether rank 0 does the rest: what is printed at the end, and pruning."""
    launch = Launch.of(os.environ)
    if launch is None:
        return False
    settings = config.stash[SETTINGS]
    ranks = config.stash[RANKS] = Ranks(launch, settings.rank_timeout, everywhere=settings.limit is not None)
    if hasattr(config, "workerinput") or getattr(config.option, "dist", "no") != "no":
        ranks.apart = (
            "pytest -n under a launcher such as torchrun: it is chance which worker of a rank runs a test,"
            " so the ranks cannot meet in it; leave -n out"
        )
        return False
    end = RankEnd(ranks)
    config.pluginmanager.register(end, "footprint-ranks")
    if launch.rank == 0:
        config.pluginmanager.register(Receiver([end]), "footprint-ranks-receiver")
        return False
    config.stash[SETTINGS] = replace(
        settings,
        json=settings.json and of_rank(settings.json, launch.rank),
        html=settings.html and of_rank(settings.html, launch.rank),
        trace=settings.trace and settings.trace / f"rank{launch.rank}",
    )
    takers = writers(config)
    for name, taker in takers.items():
        config.pluginmanager.register(taker, name)
    if path := getattr(config.option, "xmlpath", None):
        config.option.xmlpath = str(of_rank(Path(path), launch.rank))
    config.pluginmanager.register(Receiver([end, *takers.values()]), "footprint-receiver")
    return True


def of_rank(path: Path, rank: int) -> Path:
    """``run.rank3.json`` for ``run.json``; a name that ends in the rank stays as it is (``junit-3.xml``)."""
    if re.search(rf"(?<!\d){rank}$", path.stem):
        return path
    return path.with_name(f"{path.stem}.rank{rank}{path.suffix}")
