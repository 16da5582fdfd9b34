"""The CUDA allocator's own peaks, noted beside what is tracked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Self

import torch

from pytest_footprint.trace.trace import Trace
from pytest_footprint.tracking.patches import peak_resets_reported_to

_ALLOCATED = "allocated_bytes.all.peak"
_RESERVED = "reserved_bytes.all.peak"


class AllocatorPeaks:
    """Writes the peaks of stretches of the trace into it.

    A program that does not use CUDA is left alone: nothing here initialises it, or a device that it does not use.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._since = 0
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        self._begin()
        self._undo.enter_context(peak_resets_reported_to(self._others_reset))
        return self

    def __exit__(self, *exc: object) -> None:
        self._undo.close()

    def restart(self) -> None:
        """End a stretch and begin the next: the peaks, which the whole process shares, start anew."""
        self.note()
        self._begin()

    def _begin(self) -> None:
        with _broken_devices_left_alone():
            for device in _settled_devices():
                torch.cuda.reset_peak_memory_stats(device)
        self._since = len(self._trace.events)

    def _others_reset(self, _: None) -> None:
        self.note(wait=False)  # the program has not asked to wait

    def note(self, *, wait: bool = True) -> None:
        """Write down the peaks since the stretch began; it goes on."""
        trace = self._trace
        with _broken_devices_left_alone():
            for device in _settled_devices() if wait else _devices():
                stats = torch.cuda.memory_stats(device)
                trace.measured_first.append(self._since)
                trace.measured_last.append(len(trace.events))
                trace.measured_device.append(f"cuda:{device}")
                trace.measured_allocated.append(stats[_ALLOCATED])
                trace.measured_reserved.append(stats[_RESERVED])


def _devices() -> Iterator[int]:
    """Devices on which the allocator has held memory."""
    if torch.cuda.is_initialized():
        yield from (each for each in range(torch.cuda.device_count()) if torch.cuda.memory_stats(each).get(_RESERVED))


def _settled_devices() -> Iterator[int]:
    """The same, each when it has done all its work. To wait for any other device would make a context on it."""
    for device in _devices():
        if not torch.cuda.is_current_stream_capturing():  # what is captured into a graph must not wait
            torch.cuda.synchronize(device)
        yield device


def _broken_devices_left_alone() -> suppress:
    """An allocator without counters says so, and an error of the device is repeated to whoever uses it next.

    Neither must be raised where the program would not have met it.
    """
    return suppress(RuntimeError)
