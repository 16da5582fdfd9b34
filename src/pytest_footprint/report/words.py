"""Numbers and tensors as people say them."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_footprint.model.allocator_peak import AllocatorPeak
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Culprit

_SMALL = 10
VERBOSE = " (-v shows all)"
"""What a reader of a failed test can do to see the rest."""


def signed(nbytes: int) -> str:
    """``+128 MiB``."""
    return f"{'+' if nbytes > 0 else ''}{ByteSize(nbytes)}"


def percent(value: float | None) -> str:
    """``+18 %``, below ten ``+1.8 %``; ``new`` when there was nothing."""
    if value is None:
        return "new"
    if abs(value) >= _SMALL:
        return f"{value:+.0f} %"
    return f"{value:+.2g} %"


def tensors(count: int, dtype: str, shape: tuple[int, ...] | None) -> str:
    """``12 x float32[8, 256]``; without a number a single one, and as many as before of other sizes."""
    spec = dtype if shape is None else f"{dtype}[{', '.join(map(str, shape))}]"
    return spec if abs(count) <= 1 else f"{abs(count)} x {spec}"


def looked(one: Culprit) -> str:
    """How its tensors looked in the baseline: ``, was bfloat16``, ``, was float32[8, 128]``; ``""`` as they do now."""
    if one.was_shape is not None:
        return f", was {tensors(1, one.was or one.dtype, one.was_shape)}"
    return f", was {one.was}" if one.was else ""


def times(count: int) -> str:
    """``once``, ``3 times``."""
    return "once" if count == 1 else f"{count} times"


def are(fqn: str) -> str:
    """``are`` after a name that stands for repeated layers, else ``is``."""
    return "are" if fqn.count("{") > fqn.count("\\{") else "is"


def file_line(source: str) -> str:
    """``train.py:88`` without its folders."""
    return source.rpartition("/")[2]


def alike(module: str, alone: Mapping[str, str]) -> str:
    """A guess to go with a name: `` (GPT.blocks.{0..3} alike?)`` where one layer of several shows what changed."""
    found = (group for layer, group in alone.items() if module == layer or module.startswith(f"{layer}."))
    return next((f" ({group} alike?)" for group in found), "")


def kind(subject: str) -> str:
    """A reference type as words: ``optimizer states``."""
    return subject.replace("_", " ")


def measured(device: str, peak: AllocatorPeak) -> str:
    """The line that tells a device's own peak beside the tracked one."""
    return f"{device} peak by the CUDA allocator (whole process): {peak.allocated} allocated, {peak.reserved} reserved"


def more(left: int, hint: str = VERBOSE) -> str:
    """The line that tells how many lines are left out."""
    return f"... and {left} more{hint}"
