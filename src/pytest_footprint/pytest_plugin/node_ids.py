"""Names of tests and files that are the same however a run is spread over processes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def node_id(item: pytest.Item) -> str:
    """The node id without ``@group``, which xdist adds under ``--dist loadgroup`` (in vain from pytest 9.2 on)."""
    if not getattr(item.config.option, "loadgroup", False):
        return item.nodeid
    marks = item.iter_markers("xdist_group")
    groups = {str(mark.args[0] if mark.args else mark.kwargs.get("name", "default")) for mark in marks}
    return item.nodeid.removesuffix(f"@{'_'.join(sorted(groups))}") if groups else item.nodeid


def test_id(item: pytest.Item) -> str:
    """The node id without the file: ``TestGPT::test_step[fp32]``."""
    return node_id(item).partition("::")[2]


def without_rank(item: pytest.Item, rank: int) -> str:
    """The node id of all ranks that `vary_rank` runs a test as, of which ``rank`` is one."""
    others = node_id(item).removesuffix(f"rank{rank}]")
    return others.removesuffix("[") if others.endswith("[") else f"{others.removesuffix('-')}]"


def as_rank(item: pytest.Item, rank: int, other: int) -> str:
    """`test_id` of the run as ``other`` of a test that runs as ``rank`` here."""
    return f"{test_id(item).removesuffix(f'rank{rank}]')}rank{other}]"


def from_root(path: Path, config: pytest.Config) -> str:
    """``path`` as every process of this run writes it: workers on other machines have other roots."""
    return (path.relative_to(config.rootpath) if path.is_relative_to(config.rootpath) else path).as_posix()
