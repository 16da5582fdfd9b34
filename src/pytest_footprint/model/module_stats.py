"""What one module holds and what was alive while it ran."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.usage import DeviceUsage


@dataclass(frozen=True, slots=True)
class ModuleStats:
    """Bytes of one module, its submodules included; a shared storage counts once."""

    parameters: ByteSize
    buffers: ByteSize
    inputs: ByteSize
    """Tensors passed to its last call, positional and by keyword."""
    outputs: ByteSize
    """Tensors returned by its last call."""
    forward_peak: DeviceUsage
    """All that was alive, in the whole program, when the most was alive during one of its forwards."""
    backward_peak: DeviceUsage
    """The same while its backward ran."""
