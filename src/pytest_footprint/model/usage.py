"""Bytes alive at one moment, by reference type and by device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Self

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.ref_type import RefType

_ZERO = ByteSize(0)


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes alive at one moment on one device, one field for each `RefType`."""

    parameters: ByteSize = _ZERO
    buffers: ByteSize = _ZERO
    gradients: ByteSize = _ZERO
    activations: ByteSize = _ZERO
    temporaries: ByteSize = _ZERO
    optimizer_states: ByteSize = _ZERO
    inputs: ByteSize = _ZERO
    other: ByteSize = _ZERO
    sharded_parameters: ByteSize = _ZERO
    unsharded_parameters: ByteSize = _ZERO
    sharded_gradients: ByteSize = _ZERO
    unsharded_gradients: ByteSize = _ZERO
    all_gather: ByteSize = _ZERO
    reduce_scatter: ByteSize = _ZERO

    @classmethod
    def of(cls, by_ref_type: Mapping[RefType, int]) -> Self:
        """Build from byte counts; a type that is not named is 0."""
        return cls(**{kind.value: ByteSize(nbytes) for kind, nbytes in by_ref_type.items()})

    @property
    def total(self) -> ByteSize:
        """The sum over all reference types."""
        return ByteSize(sum(map(int, _every_field(self))))

    def __repr__(self) -> str:
        """Only what is not 0: most types never are anything else."""
        return f"Usage({', '.join(f'{kind.value}={nbytes!r}' for kind, nbytes in self.items())})"

    def __getitem__(self, ref_type: RefType | str) -> ByteSize:
        """Bytes of one reference type, e.g. ``usage[RefType.GRADIENT]`` or ``usage["total"]``."""
        value: ByteSize = getattr(self, ref_type)
        return value

    def items(self) -> Iterator[tuple[RefType, ByteSize]]:
        """Reference types that hold memory, in declared order."""
        for kind in RefType:
            if nbytes := getattr(self, kind.value):
                yield kind, nbytes


_every_field = attrgetter(*(field.name for field in fields(Usage)))

USAGE_FIELDS = ("total", *(kind.value for kind in RefType))
"""What a limit or an assertion may name, ``total`` first."""


@dataclass(frozen=True, slots=True)
class DeviceUsage(Mapping[str, Usage]):
    """A `Usage` for each device (``"cpu"``, ``"cuda:0"``).

    With one device its numbers can be read directly: ``footprint.peak.activations``.
    """

    by_device: Mapping[str, Usage]

    def __getitem__(self, device: str) -> Usage:
        try:
            return self.by_device[device]
        except KeyError:
            msg = f"nothing was recorded on {device!r}; devices: {', '.join(self.by_device) or 'none'}"
            raise KeyError(msg) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_device)

    def __len__(self) -> int:
        return len(self.by_device)

    def __getattr__(self, name: str) -> ByteSize:
        """Read the number of the only device.

        Raises:
            AttributeError: there are several devices (the message names them), or no such number.
        """
        if name not in USAGE_FIELDS:
            msg = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(msg)
        if len(self.by_device) > 1:
            devices = ", ".join(f"[{device!r}].{name}" for device in self.by_device)
            msg = f"there are {len(self.by_device)} devices, so name one: {devices}"
            raise AttributeError(msg)
        usage = next(iter(self.by_device.values()), Usage())
        value: ByteSize = getattr(usage, name)
        return value

    def __hash__(self) -> int:
        return hash(frozenset(self.by_device.items()))

    def __repr__(self) -> str:
        return f"DeviceUsage({dict(self.by_device)!r})"

    def __reduce__(self) -> tuple[type[DeviceUsage], tuple[dict[str, Usage]]]:
        return DeviceUsage, (dict(self.by_device),)
