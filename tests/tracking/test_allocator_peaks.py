"""The CUDA allocator's own peaks: when they are read, and that nobody else notices. No GPU is needed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from fake_cuda import RESETS, FakeCuda, on_gpu

from pytest_footprint.model.allocator_peak import AllocatorPeak
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.tracking import MemTracker
from pytest_footprint.tracking.operators.inside_ops import ProfilerBusyError

MIB = 2**20
RESET, SYNCHRONIZE, STATS = "reset_peak_memory_stats", "synchronize", "memory_stats"


@pytest.fixture
def cuda() -> Iterator[FakeCuda]:
    with FakeCuda().installed() as fake:
        yield fake


def peak(allocated: int, reserved: int) -> AllocatorPeak:
    return AllocatorPeak(ByteSize(allocated), ByteSize(reserved))


def test_run_measures_the_peak_of_its_measured_steps(cuda: FakeCuda) -> None:
    sizes = iter([40 * MIB, 30 * MIB, 5 * MIB, 3 * MIB])

    def step() -> None:
        on_gpu(1000)
        cuda.pulse(next(sizes))

    cuda.take(MIB)
    cuda.pulse(60 * MIB)
    footprint = MemTracker().run(step, steps=2, warmup=2)

    assert footprint.measured == {"cuda:0": peak(6 * MIB, 62 * MIB)}  # what is reserved stays so
    assert footprint.peak["cuda:0"].total == 1024


def test_peaks_start_anew_on_entering_and_at_the_first_measured_step_alone(cuda: FakeCuda) -> None:
    cuda.take(1)

    MemTracker().run(on_gpu, 8, steps=3, warmup=2)

    assert cuda.resets() == 2


def test_a_loop_of_steps_resets_nothing_after_entering(cuda: FakeCuda) -> None:
    cuda.take(1)

    with MemTracker() as tracker:
        for _ in range(3):
            with tracker.step():
                on_gpu(8)

    assert tracker.footprint().measured
    assert cuda.resets() == 1


def test_a_device_has_done_its_work_before_its_peaks_are_read_or_reset(cuda: FakeCuda) -> None:
    cuda.take(1)

    with MemTracker() as tracker:
        tracker.run(on_gpu, 8)
        tracker.footprint()

    told = [name for name, _ in cuda.calls]
    acted = [name for name in told if name != STATS]
    assert [acted[at - 1] for at, name in enumerate(acted) if name == RESET] == [SYNCHRONIZE] * 2
    assert told[-3:] == [STATS, SYNCHRONIZE, STATS]  # the first to see whether the device is in use


def test_a_footprint_covers_all_since_entering_also_what_came_before_a_run(cuda: FakeCuda) -> None:
    with MemTracker() as tracker:
        kept = on_gpu(8)
        cuda.pulse(50 * MIB)
        run = tracker.run(cuda.pulse, 7 * MIB)
        cuda.pulse(20 * MIB)
        whole = tracker.footprint()
        cuda.pulse(90 * MIB)
    del kept

    assert run.measured["cuda:0"].allocated == 7 * MIB
    assert whole.measured["cuda:0"].allocated == 50 * MIB
    assert tracker.footprint().measured["cuda:0"].allocated == 90 * MIB


def test_what_happens_outside_the_context_is_not_measured(cuda: FakeCuda) -> None:
    tracker = MemTracker()
    kept = on_gpu(8)
    with tracker:
        tracker.track_external(kept)
        cuda.pulse(2 * MIB)
    cuda.pulse(50 * MIB)
    with tracker:
        cuda.pulse(3 * MIB)
    cuda.pulse(60 * MIB)

    assert tracker.footprint().measured["cuda:0"].allocated == 3 * MIB


def test_peaks_that_the_program_resets_between_steps_count_all_the_same(cuda: FakeCuda) -> None:
    with MemTracker() as tracker:
        for size in (9 * MIB, 4 * MIB):
            with tracker.step():
                on_gpu(8)
                cuda.pulse(size)
            torch.cuda.reset_peak_memory_stats(0)

    assert tracker.footprint().measured["cuda:0"].allocated == 9 * MIB


@pytest.mark.parametrize("reset", RESETS)
def test_a_program_that_measures_for_itself_reads_what_it_would_and_so_do_we(cuda: FakeCuda, reset: str) -> None:
    def test_of_the_program() -> int:
        kept = on_gpu(8)
        cuda.pulse(9 * MIB)
        waits = cuda.calls.count((SYNCHRONIZE, 0))
        getattr(torch._C, reset)(0)
        assert cuda.calls.count((SYNCHRONIZE, 0)) == waits
        cuda.pulse(4 * MIB)
        del kept
        return torch.cuda.memory_stats(0)["allocated_bytes.all.peak"]

    with MemTracker() as tracker:
        its_own = test_of_the_program()

    assert its_own == 4 * MIB
    assert tracker.footprint().measured["cuda:0"].allocated == 9 * MIB


def test_a_tracker_inside_another_takes_no_peak_from_it(cuda: FakeCuda) -> None:
    def step() -> Footprint:
        kept = on_gpu(8)
        cuda.pulse(9 * MIB)
        inner = MemTracker().run(_pulse, cuda)
        del kept
        return inner

    inner: list[Footprint] = []
    outer = MemTracker().run(lambda: inner.append(step()))

    assert inner[0].measured["cuda:0"].allocated == 2 * MIB
    assert outer.measured["cuda:0"].allocated == 9 * MIB


def test_the_functions_that_reset_peaks_are_torchs_own_again(cuda: FakeCuda) -> None:
    before = [getattr(torch._C, name) for name in RESETS]

    def failing() -> None:
        assert [getattr(torch._C, name) for name in RESETS] != before
        msg = "step"
        raise ValueError(msg)

    with pytest.raises(ValueError, match="step"):
        MemTracker().run(failing)

    assert [getattr(torch._C, name) for name in RESETS] == before


def test_each_device_that_is_tracked_has_its_own_peak_and_the_others_are_left_alone() -> None:
    fake = FakeCuda(devices=4)

    def step() -> None:
        kept = on_gpu(8), on_gpu(8, 2)
        fake.pulse(2 * MIB)
        fake.pulse(4 * MIB, 1)
        fake.pulse(6 * MIB, 2)
        del kept

    with fake.installed():
        footprint = MemTracker().run(step)

    assert footprint.measured == {"cuda:0": peak(2 * MIB, 2 * MIB), "cuda:2": peak(6 * MIB, 6 * MIB)}
    assert {device for name, device in fake.calls if name == SYNCHRONIZE} == {0, 1, 2}


def test_the_cpu_alone_measures_nothing_though_a_gpu_is_in_use(cuda: FakeCuda) -> None:
    cuda.take(MIB)

    footprint = MemTracker().run(torch.ones, 8)

    assert footprint.measured == {}
    assert footprint.environment["device"] == "cpu"


def test_cuda_that_the_program_has_not_initialised_is_not_touched() -> None:
    with FakeCuda(initialized=False).installed() as cuda, MemTracker() as tracker:
        footprint = tracker.run(on_gpu, 8, steps=2)  # FakeCuda fails the test when it is asked for more

    assert cuda.calls == []
    assert footprint.measured == {}
    assert footprint.environment["device"] == "cuda"


def test_cuda_that_the_program_initialises_is_measured_from_there_on() -> None:
    fake = FakeCuda(initialized=False)

    def step() -> torch.Tensor:
        fake.initialized = True
        fake.pulse(3 * MIB)
        return on_gpu(8)

    with fake.installed():
        footprint = MemTracker().run(step)

    assert footprint.measured == {"cuda:0": peak(3 * MIB, 4 * MIB)}
    assert footprint.environment["device"] == "cuda-NVIDIA-H100-80GB-HBM3"


def test_an_exception_waits_for_no_device_and_the_next_run_is_right(cuda: FakeCuda) -> None:
    cuda.take(1)

    def failing() -> None:
        cuda.calls.clear()
        cuda.pulse(40 * MIB)
        msg = "step"
        raise ValueError(msg)

    tracker = MemTracker()
    with pytest.raises(ValueError, match="step"):
        tracker.run(failing)
    assert cuda.calls == []

    assert tracker.run(_pulse, cuda).measured["cuda:0"].allocated == 2 * MIB + 1


def _pulse(cuda: FakeCuda) -> torch.Tensor:
    cuda.pulse(2 * MIB)
    return on_gpu(8)


@pytest.mark.parametrize("trouble", ["broken", "without_counters"])
def test_a_device_that_cannot_tell_leaves_no_peak_and_no_error_of_ours(cuda: FakeCuda, trouble: str) -> None:
    cuda.take(1)
    setattr(cuda, trouble, True)

    footprint = MemTracker().run(on_gpu, 8)

    assert footprint.measured == {}
    assert footprint.peak["cuda:0"].total == 512


def test_a_graph_that_is_captured_is_not_waited_for(cuda: FakeCuda) -> None:
    cuda.take(1)
    with MemTracker() as tracker:
        kept = on_gpu(8)
        cuda.capturing = True
        cuda.pulse(2 * MIB)
        footprint = tracker.footprint()  # FakeCuda fails the test when it is synchronised
        cuda.capturing = False
    del kept

    assert footprint.measured["cuda:0"].allocated == 2 * MIB + 1


def test_a_tracker_that_cannot_start_leaves_the_peaks_as_they_were(cuda: FakeCuda) -> None:
    cuda.pulse(9 * MIB)

    with (
        MemTracker(inside_ops=True),
        pytest.raises(ProfilerBusyError),
        MemTracker(inside_ops=True),
    ):
        pass

    assert cuda.resets() == 1


def test_measured_peaks_travel_with_the_footprint_and_are_never_compared(cuda: FakeCuda) -> None:
    first, second = (MemTracker().run(_pulse_of, cuda, size) for size in (MIB, 2 * MIB))

    assert Footprint.from_json(first.to_json()).measured == first.measured
    assert first.measured != second.measured
    assert first == second


def _pulse_of(cuda: FakeCuda, nbytes: int) -> torch.Tensor:
    cuda.pulse(nbytes)
    return on_gpu(8)
