"""What gloo's threads free a moment late is gone when the step is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch
import torch.distributed as dist
from torch._C._distributed_c10d import HashStore

from pytest_footprint.tracking import MemTracker


@pytest.fixture
def _gloo() -> Iterator[None]:
    dist.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def _end_of_a_step_whose_tensor_another_thread_frees() -> int:
    def step() -> None:
        held = [torch.ones(1000)]

        def free() -> None:
            time.sleep(0.001)
            held.clear()

        threads.append(threading.Thread(target=free))
        threads[-1].start()
        held_by_the_thread.append(held)

    threads: list[threading.Thread] = []
    held_by_the_thread: list[list[torch.Tensor]] = []
    footprint = MemTracker().run(step)
    threads[0].join()
    return int(footprint.end.total)


@pytest.mark.usefixtures("_gloo")
def test_a_tensor_that_another_thread_frees_right_after_the_step_is_gone() -> None:
    assert _end_of_a_step_whose_tensor_another_thread_frees() == 0


def test_without_gloo_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: float) -> None:
        raise AssertionError

    monkeypatch.setattr(time, "sleep", refuse)

    MemTracker().run(lambda: None)
