"""Tensors as tables print them, to be held against what there is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Self

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.live_group import LiveGroup

_FORM = re.compile(r"(?:(\d+|\*) x )?([\w*]+)\[([\d, *]*|\.\.\.)\](?: from (\S+))?")
_FORMS = '"float32[8, 256]", "2 x float32[8, *]", "* x bfloat16[...]" or "float32[8, 256] from aten.mm"'


@dataclass(frozen=True, slots=True)
class TensorPattern:
    """How many tensors of which dtype and shape, and perhaps which operator made them."""

    text: str
    count: int | None
    """None for any number, from one on."""
    dtype: str
    shape: tuple[str, ...] | None
    """None for any shape; ``*`` for any size of one dimension."""
    op: str

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read ``2 x float32[8, *] from aten.mm``; number and operator may be left out.

        Raises:
            ValueError: it is not of that form.
        """
        match = _FORM.fullmatch(text.strip()) if isinstance(text, str) else None
        sizes = [size.strip() for size in match[3].split(",")] if match else []
        if match is None or (sizes not in ([""], ["..."]) and not all(re.fullmatch(r"\d+|\*", size) for size in sizes)):
            msg = f"{text!r} is no tensor; write {_FORMS}"
            raise ValueError(msg)
        shape = None if sizes == ["..."] else () if sizes == [""] else tuple(sizes)
        count = None if match[1] == "*" else int(match[1] or 1)
        return cls(match[0], count, match[2], shape, match[4] or "*")

    def fits(self, group: LiveGroup) -> bool:
        """Whether tensors look like this."""
        if not (self.made(group.op) and fnmatchcase(group.dtype, self.dtype)):
            return False
        if self.shape is None:
            return True
        return len(self.shape) == len(group.shape) and all(
            wanted in {"*", str(size)} for wanted, size in zip(self.shape, group.shape, strict=True)
        )

    def made(self, op: str) -> bool:
        """Whether this operator may have made them; narrow tables print ``aten.mm`` as ``mm``, and so may patterns."""
        return fnmatchcase(op, self.op) or fnmatchcase(op, f"aten.{self.op}")

    @property
    def vague(self) -> tuple[bool, int]:
        """Less for one that says more."""
        return self.count is None, 4 * (self.shape is None) + self.text.count("*") + (self.op == "*")


def unlike(groups: Sequence[LiveGroup], patterns: Sequence[TensorPattern]) -> tuple[list[LiveGroup], list[str]]:
    """What no pattern speaks of, and what patterns ask for in vain; those that say more choose first."""
    counts = [group.count for group in groups]
    missing = []
    for pattern in sorted(patterns, key=lambda pattern: pattern.vague):
        wanted, found = pattern.count, 0
        for at, group in enumerate(groups):
            if counts[at] and pattern.fits(group):
                taken = counts[at] if wanted is None else min(counts[at], wanted - found)
                counts[at] -= taken
                found += taken
        if found < (wanted or 1):
            lacking = (wanted or 1) - found
            missing.append(f"{lacking} x {pattern.text.partition(' x ')[2] or pattern.text}" if found else pattern.text)
    left = [(group, count) for group, count in zip(groups, counts, strict=True) if count]
    sizes = (ByteSize(group.nbytes * count // group.count) for group, count in left)
    return [replace(group, count=count, nbytes=size) for (group, count), size in zip(left, sizes, strict=True)], missing
