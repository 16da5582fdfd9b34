"""Where the numbers come from."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version

import torch


def environment(devices: Sequence[str]) -> dict[str, str]:
    """Versions and devices of this recording; ``device`` is the key under which a baseline is kept."""
    return {
        "torch": torch.__version__,
        "pytest-footprint": _own_version(),
        "python": platform.python_version(),
        "device": _device_key(devices),
    }


@cache
def _own_version() -> str:
    """Asked once: to answer, Python looks through the folders of all packages, which takes a millisecond."""
    return version("pytest-footprint")


def _device_key(devices: Sequence[str]) -> str:
    """``cpu``, or the name of the accelerator: its kernels allocate in their own way."""
    accelerators = sorted({device.partition(":")[0] for device in devices} - {"cpu"})
    if not accelerators:
        return "cpu"
    kind = accelerators[0]
    if kind == "cuda" and torch.cuda.is_initialized():  # to ask for the name would do it
        return f"cuda-{torch.cuda.get_device_name().replace(' ', '-')}"
    return kind
