"""A GPU's allocator counters where there is no GPU: what the trackers call of `torch.cuda`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

RESETS = ("_cuda_resetPeakMemoryStats", "_accelerator_resetPeakStats")
"""What `torch.cuda.reset_peak_memory_stats` and `torch.accelerator.reset_peak_memory_stats` call."""


class Counter:
    """A ``Stat`` of c10/core/CachingDeviceAllocator.h: a reset lowers the peak to what there is."""

    def __init__(self) -> None:
        self.current = self.peak = 0

    def change(self, nbytes: int) -> None:
        self.current += nbytes
        self.peak = max(self.peak, self.current)


class FakeCuda:
    """Counters that the test moves, and a log of the calls that reach a device.

    Like the real functions it knows no counters before CUDA is initialised. What would initialise CUDA, or make a
    context on a device that is not in use, fails the test.
    """

    def __init__(self, devices: int = 1, *, initialized: bool = True) -> None:
        self.initialized = initialized
        self.capturing = False
        self.broken = False
        """A kernel has failed: whatever waits for the device raises."""
        self.without_counters = False
        """A pluggable allocator is in use."""
        self.allocated = [Counter() for _ in range(devices)]
        self.reserved = [Counter() for _ in range(devices)]
        self.calls: list[tuple[str, int]] = []

    def take(self, nbytes: int, device: int = 0) -> None:
        """A block is handed out; the cache grows to 2 MiB segments and never shrinks."""
        self.allocated[device].change(nbytes)
        segments = -(-self.allocated[device].current // 2**21) * 2**21
        self.reserved[device].change(max(segments - self.reserved[device].current, 0))

    def give_back(self, nbytes: int, device: int = 0) -> None:
        self.allocated[device].change(-nbytes)

    def pulse(self, nbytes: int, device: int = 0) -> None:
        """A block is handed out and given back."""
        self.take(nbytes, device)
        self.give_back(nbytes, device)

    def resets(self, device: int = 0) -> int:
        return self.calls.count(("reset_peak_memory_stats", device))

    @contextmanager
    def installed(self) -> Generator[FakeCuda]:
        """Answer for `torch.cuda`."""
        names = (
            "is_initialized",
            "device_count",
            "memory_stats",
            "synchronize",
            "is_current_stream_capturing",
            "get_device_name",
        )
        ours = {name: getattr(self, name) for name in names}
        with ExitStack() as undo:
            undo.enter_context(patch.multiple(torch.cuda, **ours))
            for name in RESETS:  # a level deeper, because the trackers listen there
                undo.enter_context(patch.object(torch._C, name, self.reset_peak_memory_stats, create=True))
            yield self

    # -- the functions of torch.cuda ---------------------------------------------------------------------------------

    def is_initialized(self) -> bool:
        return self.initialized

    def device_count(self) -> int:
        assert self.initialized, "device_count() asks the driver, which a later fork does not survive"
        return len(self.allocated)

    def get_device_name(self) -> str:
        assert self.initialized, "get_device_name() would initialise CUDA"
        return "NVIDIA H100 80GB HBM3"

    def is_current_stream_capturing(self) -> bool:
        return self.capturing

    def memory_stats(self, device: int) -> dict[str, int]:
        assert self.initialized, "there are no counters yet"
        if self.without_counters:
            msg = "CUDAPluggableAllocator does not yet support getDeviceStats. If you need it, please file an issue"
            raise RuntimeError(msg)
        self.calls.append(("memory_stats", device))
        pairs = (("allocated_bytes", self.allocated[device]), ("reserved_bytes", self.reserved[device]))
        return {f"{name}.all.{what}": getattr(each, what) for name, each in pairs for what in ("current", "peak")}

    def synchronize(self, device: int) -> None:
        assert self.initialized, "synchronize() would initialise CUDA"
        assert self.reserved[device].current, f"synchronize({device}) would make a context on an unused device"
        assert not self.capturing, "synchronize() would end the capture with an error"
        if self.broken:
            msg = "CUDA error: device-side assert triggered"
            raise RuntimeError(msg)
        self.calls.append(("synchronize", device))

    def reset_peak_memory_stats(self, device: int) -> None:
        assert self.initialized, "there are no counters yet"
        self.calls.append(("reset_peak_memory_stats", device))
        for counter in (self.allocated[device], self.reserved[device]):
            counter.peak = counter.current


def on_gpu(nbytes: int, device: int = 0) -> torch.Tensor:
    """A tensor that a tracker sees on a device that is not there."""
    with FakeTensorMode():
        return torch.empty(nbytes, dtype=torch.uint8, device=f"cuda:{device}")
