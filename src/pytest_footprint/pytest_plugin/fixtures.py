"""The fixtures. torch and syrupy load when a test asks for one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_footprint.pytest_plugin.baselines.check_log import CHECK_LOG, CheckLog
from pytest_footprint.pytest_plugin.lookout import ready
from pytest_footprint.pytest_plugin.marks import FAKE_WORLD, FORMS
from pytest_footprint.pytest_plugin.recording import RECORDING, refusals_told_plainly
from pytest_footprint.pytest_plugin.surroundings import SURROUNDINGS

if TYPE_CHECKING:
    from pytest_footprint.model.rank_footprints import RankFootprints
    from pytest_footprint.pytest_plugin.baselines.syrupy_adaptor import MemBaseline
    from pytest_footprint.tracking import FSDPMemTracker, MemTracker, ModTracker
    from pytest_footprint.tracking.distributed.fake_world import FakeWorld


@pytest.fixture
def mem_tracker(request: pytest.FixtureRequest) -> MemTracker:
    """A MemTracker that records since the set-up of this test, and until its end."""
    ready(request.node)
    return request.node.stash[RECORDING].tracker()  # type: ignore[no-any-return] # request.node is Any


@pytest.fixture
def mod_tracker() -> Iterator[ModTracker]:
    """A ModTracker that records which modules run, in which order, until the end of this test."""
    from pytest_footprint.tracking import ModTracker  # noqa: PLC0415 - loads torch

    with ExitStack() as trackers:
        with refusals_told_plainly():
            tracker = trackers.enter_context(ModTracker())
        yield tracker


@pytest.fixture
def fsdp_mem_tracker(request: pytest.FixtureRequest) -> Iterator[Callable[..., FSDPMemTracker]]:
    """``fsdp_mem_tracker(model, optimizer=None)``: a recording FSDPMemTracker for that root, until the test ends."""
    ready(request.node)
    from pytest_footprint.tracking import FSDPMemTracker  # noqa: PLC0415 - loads torch

    with ExitStack() as trackers:

        def start(model: Any, optimizer: Any = None) -> FSDPMemTracker:
            with refusals_told_plainly():
                tracker = FSDPMemTracker(model, optimizer)
                request.node.stash[RECORDING].listen_to(tracker)
                return trackers.enter_context(tracker)

        yield start


@pytest.fixture
def fake_world(request: pytest.FixtureRequest) -> FakeWorld:
    """The fake world that the marker `fake_world` has made of this process: `size`, `rank`, and `mesh` for meshes."""
    ready(request.node)
    world: FakeWorld | None = request.node.stash[SURROUNDINGS].world
    if world is None:
        msg = f"the fixture fake_world needs to know how many ranks there are; mark the test: {FORMS[FAKE_WORLD]}"
        pytest.fail(msg, pytrace=False)
    return world


@pytest.fixture
def _fake_rank(request: pytest.FixtureRequest) -> int:
    """The rank that this run of a test with `vary_rank` is."""
    return request.param  # type: ignore[no-any-return] # request.param is Any


@pytest.fixture
def mem_baseline(request: pytest.FixtureRequest) -> MemBaseline:
    """The stored baseline of this test: ``assert footprint == mem_baseline``."""
    if not hasattr(request.config, "_syrupy"):
        msg = (
            "mem_baseline needs the syrupy plugin, which is switched off (-p no:syrupy);\n"
            "leave that option out, or compare numbers: max_peak_memory and mem_tracker work without it"
        )
        pytest.fail(msg, pytrace=False)
    from pytest_footprint.pytest_plugin.baselines.syrupy_adaptor import baseline_of  # noqa: PLC0415 - loads syrupy's machinery

    ready(request.node)
    request.node.stash[CHECK_LOG] = CheckLog()
    return baseline_of(request.node)


@pytest.fixture
def child_footprints(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., RankFootprints]:
    """``child_footprints(ranks=None)``: what processes that this test started gave to ``hand_over``.

    In the test: ``spawn(train, nprocs=2)``, then ``assert child_footprints(2) == mem_baseline``; in ``train``:
    ``hand_over(footprint, rank=rank)``. Where a rank handed over none, it is an AssertionError that names it.
    """
    from pytest_footprint.model.handover import FOLDER, handed_over  # noqa: PLC0415 - loads when it is wanted

    folder = tmp_path_factory.mktemp("footprints")
    monkeypatch.setenv(FOLDER, str(folder))
    return partial(handed_over, folder)
