"""What a device's allocator says of its own peak."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_footprint.model.byte_size import ByteSize


@dataclass(frozen=True, slots=True)
class AllocatorPeak:
    """The most that the CUDA caching allocator held on one device over some steps, in bytes.

    It counts the whole process: also tensors that no tracker saw, workspaces that libraries keep, and what the steps
    before have left in its cache. Both numbers come from `torch.cuda.memory_stats`.
    """

    allocated: ByteSize
    """In blocks that were handed out (``allocated_bytes.all.peak``)."""
    reserved: ByteSize
    """Taken from the driver, handed out or kept in reserve (``reserved_bytes.all.peak``)."""
