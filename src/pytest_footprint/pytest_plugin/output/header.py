"""The line that says what is recorded; only in runs that record something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from pytest_footprint.pytest_plugin.limit import MARKER
from pytest_footprint.pytest_plugin.settings import RANKS, SETTINGS, Settings

if TYPE_CHECKING:
    import pytest

_MEMORY = frozenset({"mem_tracker", "fsdp_mem_tracker"})


def header(config: pytest.Config, items: Sequence[pytest.Item] | None) -> list[str]:
    """The line, or none.

    Args:
        config: of this run.
        items: the collected tests; ``None`` before they are collected, when only a run that leaves that to xdist's
            workers has something to say.
    """
    settings = config.stash[SETTINGS]
    elsewhere = getattr(config.option, "dist", "no") != "no"
    ranks = config.stash.get(RANKS, None)
    launch = ranks.launch if ranks else None
    if settings.verbosity < 0 or (items is None) != elsewhere or (launch and launch.rank):
        return []
    recorded = list(_recorded(settings, items or ()))
    if not recorded:
        return []
    parts = [f"torch {_torch()}", f"records: {', '.join(recorded)}", f"tolerance: {settings.tolerance}"]
    if settings.limit is not None:
        parts.append(f"limit: {settings.limit}")
    if launch:
        parts.append(f"ranks: {launch.world_size}")
    return [f"footprint: {'; '.join(parts)}"]


def _recorded(settings: Settings, items: Sequence[pytest.Item]) -> Iterator[str]:
    inside = " (inside operators too)" if settings.inside_ops else ""
    if settings.track_all:
        yield f"memory of every test that touches torch{inside}"
    elif settings.limit is not None:
        yield f"memory of every test{inside}"
    elif count := sum(map(_has_memory, items)):
        yield f"memory of {_tests(count)}{inside}"
    if count := sum("mod_tracker" in _fixtures(item) for item in items):
        yield f"modules of {_tests(count)}"


def _has_memory(item: pytest.Item) -> bool:
    return bool(_MEMORY.intersection(_fixtures(item))) or MARKER in item.keywords


def _fixtures(item: pytest.Item) -> Sequence[str]:
    return getattr(item, "fixturenames", ())


def _tests(count: int) -> str:
    return f"{count} test{'' if count == 1 else 's'}"


def _torch() -> str:
    try:
        return version("torch")  # of its metadata: importing it takes seconds
    except PackageNotFoundError:
        return "is not installed"
