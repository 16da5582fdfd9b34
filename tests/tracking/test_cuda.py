"""On a GPU: the numbers against the allocator itself. `test_allocator_peaks.py` tries the same code without one."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
import torch
from torch import nn

from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.usage import DeviceUsage
from pytest_footprint.report import footprint_text
from pytest_footprint.tracking import MemTracker

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU, and a torch that is built for it"),
]
KIB, MIB = 2**10, 2**20

Step = Callable[[], object]


def allocator(what: str) -> int:
    found: int = torch.cuda.memory_stats()[f"allocated_bytes.all.{what}"]
    return found


def training_step() -> Step:
    """A step whose tensors are multiples of 2 MiB or at most 1 MiB: the allocator hands out no larger blocks."""
    model = nn.Sequential(nn.Linear(1024, 1024), nn.GELU(), nn.Linear(1024, 512)).cuda()
    optimizer = torch.optim.AdamW(model.parameters())
    batch = torch.randn(1024, 1024, device="cuda")

    def step() -> None:
        optimizer.zero_grad()
        model(batch).square().mean().backward()
        optimizer.step()

    return step


def sort() -> Step:
    numbers = torch.randn(4 * MIB, device="cuda")
    return numbers.sort


def convolution() -> Step:
    model = nn.Conv2d(64, 64, 3, padding=1).cuda()
    batch = torch.randn(16, 64, 64, 128, device="cuda")
    return lambda: model(batch).sum().backward()


def _total(usage: DeviceUsage) -> int:
    return usage["cuda:0"].total if "cuda:0" in usage else 0


def warm(step: Step) -> None:
    """Let libraries take the workspaces that they keep for good, which are nobody's tensors."""
    for _ in range(2):
        step()
    gc.collect()
    torch.cuda.synchronize()
    torch.cuda.empty_cache()


def track(step: Step, *, inside_ops: bool = False) -> tuple[Footprint, int]:
    """The footprint of ``step`` and by how much the allocator's own peak rose in a run without a tracker."""
    warm(step)
    start = allocator("current")
    torch.cuda.reset_peak_memory_stats()
    step()
    rise = allocator("peak") - start
    warm(step)
    return MemTracker(inside_ops=inside_ops).run(step), rise


@pytest.mark.parametrize(
    "nbytes",
    [0, 1, 511, 512, 513, 1000, 4095, 4096, 100_000, MIB - 1, MIB, MIB + 1, 3 * MIB + 5, 8 * MIB, 20 * MIB, 64 * MIB],
)
def test_a_size_is_rounded_as_the_allocator_rounds_it(nbytes: int) -> None:
    torch.cuda.empty_cache()
    before = allocator("current")

    with MemTracker() as tracker:
        kept = torch.empty(nbytes, dtype=torch.uint8, device="cuda")
        given = allocator("current") - before
        footprint = tracker.footprint()

    assert kept.nbytes == nbytes
    assert _total(footprint.end) == given


def test_a_large_block_holds_at_most_a_mebibyte_more_than_is_counted() -> None:
    torch.cuda.empty_cache()
    before = allocator("current")

    with MemTracker() as tracker:
        kept = [torch.empty(11 * MIB + size, dtype=torch.uint8, device="cuda") for size in (0, 1, 600_000)]
        given = allocator("current") - before
        footprint = tracker.footprint()

    assert _total(footprint.end) <= given <= _total(footprint.end) + len(kept) * MIB


@pytest.mark.parametrize("make", [training_step, sort, convolution])
def test_the_measured_peak_is_at_least_the_tracked_one(make: Callable[[], Step]) -> None:
    footprint, _ = track(make())

    own = footprint.measured["cuda:0"]
    assert _total(footprint.peak) <= own.allocated <= own.reserved
    assert f"{own.allocated} allocated, {own.reserved} reserved" in footprint_text(footprint)


def test_the_step_of_a_fixture_and_of_run_are_measured_alike() -> None:
    step = training_step()
    warm(step)

    with MemTracker() as tracker:
        with tracker.step():
            step()
        whole = tracker.footprint()
    run = MemTracker().run(step)

    assert whole.measured["cuda:0"].allocated == run.measured["cuda:0"].allocated


@pytest.mark.parametrize("make", [training_step, sort, convolution])
def test_the_peak_inside_operators_is_the_allocators(make: Callable[[], Step]) -> None:
    footprint, rise = track(make(), inside_ops=True)

    assert _total(footprint.peak) - _total(footprint.start) == pytest.approx(rise, rel=0.002)


@pytest.mark.parametrize("make", [training_step, sort, convolution])
@pytest.mark.parametrize("options", [{}, {"inside_ops": True}], ids=["at op ends", "inside ops"])
def test_tracking_takes_no_memory_of_the_device_and_leaves_nothing(
    make: Callable[[], Step], options: dict[str, bool]
) -> None:
    step = make()
    warm(step)
    before = allocator("current")

    footprint, rise = track(step, **options)

    assert allocator("current") == before
    assert footprint.measured["cuda:0"].allocated - before == pytest.approx(rise, rel=0.002)


def test_backward_on_the_device_belongs_to_its_modules() -> None:
    footprint, _ = track(training_step())

    assert footprint.backward == ("Sequential", "Sequential.2", "Sequential.1", "Sequential.0")
    assert footprint.end["cuda:0"].gradients == (1024 * 1024 + 1024 + 1024 * 512 + 512) * 4


def test_a_program_that_resets_the_peaks_hides_none() -> None:
    def step() -> None:
        torch.empty(64 * MIB, dtype=torch.uint8, device="cuda")
        torch.cuda.reset_peak_memory_stats()
        torch.empty(2 * MIB, dtype=torch.uint8, device="cuda")

    footprint = MemTracker().run(step)

    assert footprint.measured["cuda:0"].allocated >= 64 * MIB


def test_a_baseline_of_a_gpu_is_kept_under_its_name() -> None:
    footprint = MemTracker().run(lambda: torch.ones(8, device="cuda"))

    assert footprint.environment["device"] == f"cuda-{torch.cuda.get_device_name().replace(' ', '-')}"
