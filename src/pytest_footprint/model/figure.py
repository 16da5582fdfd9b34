"""The numbers of a footprint that an assertion can be about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.usage import USAGE_FIELDS, Usage

_TOTAL = USAGE_FIELDS[0]
_SAVED = "saved"
_WORDS = {
    _SAVED: "what is saved for backward",
    "peak": "the peak",
    "end": "the end",
    "growth": "the growth of the last step",
    "start": "the start",
}
_FORMS = '"peak", "saved", "end", "growth", or one reference type as in "peak.activations"'


@dataclass(frozen=True, slots=True)
class Figure:
    """One byte count of a footprint."""

    moment: str
    """``saved``, or a moment: ``start``, ``peak``, ``end``, ``growth``."""
    part: str = _TOTAL
    """``total`` or a reference type."""

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read ``"peak"``, ``"saved"``, ``"end.gradients"``.

        Raises:
            ValueError: it names no such number; the message shows the accepted forms.
        """
        if isinstance(text, cls):
            return text
        if isinstance(text, str):
            moment, dot, part = text.partition(".")
            if moment in _WORDS and (not dot or (moment != _SAVED and part in USAGE_FIELDS)):
                return cls(moment, part or _TOTAL)
            if text in USAGE_FIELDS:
                msg = f"of={text!r} does not say when: write {f'peak.{text}'!r} or {f'end.{text}'!r}"
                raise ValueError(msg)
        msg = f"of={text!r} is no number of a footprint; write {_FORMS}; reference types: {', '.join(USAGE_FIELDS[1:])}"
        raise ValueError(msg)

    def on(self, footprint: Footprint, device: str) -> ByteSize:
        """The bytes of one device; 0 where it was not used."""
        if self.moment == _SAVED:
            return ByteSize(sum(row.nbytes for row in footprint.saved if row.device == device))
        return getattr(footprint, self.moment).get(device, Usage())[self.part]  # type: ignore[no-any-return]

    def groups(self, footprint: Footprint, device: str) -> tuple[LiveGroup, ...]:
        """The tensors of one device behind the number; of a growth those at the end."""
        if self.moment == _SAVED:
            return tuple(group for group in footprint.saved.groups() if group.device == device)
        groups = footprint.at_peak if self.moment == "peak" else footprint.at_end
        return tuple(
            group for group in groups if group.device == device and self.part in {_TOTAL, group.ref_type.value}
        )

    def __str__(self) -> str:
        """As it is written."""
        return self.moment if self.part == _TOTAL else f"{self.moment}.{self.part}"

    @property
    def words(self) -> str:
        """As people say it: ``the peak``, ``the activations at the peak``, ``what is saved for backward``."""
        said = _WORDS[self.moment]
        return said if self.part == _TOTAL else f"the {self.part.replace('_', ' ')} at {said}"


def figures(of: object) -> tuple[Figure, ...]:
    """Read one name, or several in a tuple or list.

    Raises:
        ValueError: one of them names no number, or there is none.
    """
    names = list(of) if isinstance(of, tuple | list) else [of]
    if not names:
        msg = f"of={of!r} names nothing; write {_FORMS}"
        raise ValueError(msg)
    return tuple(map(Figure.parse, names))


def device_of(footprints: Sequence[Footprint], device: str | None = None) -> str:
    """The device to look at: the one that is named, or the only accelerator, or the CPU where there is none.

    Raises:
        ValueError: nothing was recorded on that device, or several accelerators were used and none is named.
    """
    used = sorted({name for footprint in footprints for name in footprint.peak})
    if device is not None:
        if device not in used:
            msg = f"nothing was recorded on device={device!r}; devices: {', '.join(used) or 'none'}"
            raise ValueError(msg)
        return device
    accelerators = [name for name in used if name != "cpu"]
    if len(accelerators) > 1:
        msg = f"several devices were used, so name one: {', '.join(f'device={name!r}' for name in used)}"
        raise ValueError(msg)
    return accelerators[0] if accelerators else "cpu"
