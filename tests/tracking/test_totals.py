"""Totals are the allocator's own, to the byte, wherever an operator ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from allocator import AllocatorRun, measure
from workloads import WORKLOADS

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.usage import DeviceUsage
from pytest_footprint.tracking import MemTracker

ANY_MODE_KEEPS = {"embedding_sparse": 2048}
"""Bytes more than without: under any dispatch mode, also an empty one, autograd copies a sparse gradient's indices."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=WORKLOADS)
def workload(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def _true(name: str) -> AllocatorRun:
    torch.manual_seed(0)
    return measure(WORKLOADS[name]())


def _tracked(name: str) -> Footprint:
    torch.manual_seed(0)
    return MemTracker().run(WORKLOADS[name]())


def _total(usage: DeviceUsage) -> int:
    return sum(each.total for each in usage.values())


@pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled")
def test_peak_and_end_are_the_allocators(workload: str) -> None:
    truth, footprint = _true(workload), _tracked(workload)

    peak = _total(footprint.peak) - _total(footprint.start)
    end = _total(footprint.end) - _total(footprint.start)

    assert abs(peak - truth.peak_at_operator_ends) <= 8  # a scalar may die right before or right after an operator ends
    assert end == truth.end


@pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled")
def test_tracking_changes_no_real_memory(workload: str) -> None:
    torch.manual_seed(0)
    bare = measure(WORKLOADS[workload](), mark_operators=False)
    torch.manual_seed(0)
    step, tracker = WORKLOADS[workload](), MemTracker()

    def tracked_step() -> None:
        with tracker:
            step()

    tracked = measure(tracked_step, mark_operators=False)

    allowed = ANY_MODE_KEEPS.get(workload, 0)
    assert tracked.peak - allowed == pytest.approx(bare.peak, rel=0.002)
    assert tracked.end - allowed == bare.end


@pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled")
def test_results_are_bitwise_the_same(workload: str) -> None:
    def parameters_after(*, track: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        step = WORKLOADS[workload]()
        seen = [cell.cell_contents for cell in step.__closure__ or ()]
        if track:
            MemTracker().run(step)
        else:
            step()
        modules = [value for value in seen if isinstance(value, torch.nn.Module)]
        return [parameter for module in modules for parameter in module.parameters()] + [torch.rand(1)]

    bare, tracked = parameters_after(track=False), parameters_after(track=True)

    assert len(bare) == len(tracked)
    assert all(torch.equal(one, other) for one, other in zip(bare, tracked, strict=True))
