"""One line for many tensors that look alike: ``GPT.layers.{0..11}.mlp | aten.gelu | 12 x float32[8, 256, 1024]``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pytest_footprint.model.braces import escape
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.fqn import fold_alike, natural, unfold
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.ref_type import BY_ROOT, RefType

_BETWEEN = " | "
_PARTS = 3
_SUMMED_PARTS = 2
"""Of types that are summed up by root: module and tensors."""
_NONE = "-"
_COUNTED = re.compile(r"(\d+) x (.*)", re.DOTALL)
_SPEC = re.compile(r"(.*)\[(\d+(?:, \d+)*)?\]", re.DOTALL)


def spec(dtype: str, shape: tuple[int, ...]) -> str:
    """``float32[8, 256]``."""
    return f"{dtype}[{', '.join(map(str, shape))}]"


def read_spec(text: str) -> tuple[str, tuple[int, ...]]:
    """Dtype and shape.

    Raises:
        ValueError: it is not what `spec` writes.
    """
    match = _SPEC.fullmatch(text)
    if match is None:
        msg = f"{text!r} is not a dtype with a shape such as 'float32[8, 256]'"
        raise ValueError(msg)
    return match[1], tuple(int(size) for size in match[2].split(", ")) if match[2] else ()


def write_groups(groups: Iterable[LiveGroup]) -> Iterator[tuple[str, int]]:
    """Rows and their bytes, for groups of one device and reference type, in the natural order of their modules."""
    alike = [(group.fqn, (group, _looks(group))) for group in groups]
    by_looks = {(fqn, looks): group for fqn, (group, looks) in alike}
    rows = fold_alike((fqn, looks) for fqn, looks in by_looks)
    rows.sort(key=lambda row: (natural(unfold(row[0])[0]), row[2]))
    for name, members, looks in rows:
        group = by_looks[unfold(name)[0], looks]
        parts = [_or_none(name)]
        if group.ref_type in BY_ROOT:
            parts.append(f"{group.count * members} x {escape(group.dtype)}")
        else:
            parts.append(_or_none(escape(group.op)))
            parts.append(f"{group.count * members} x {spec(escape(group.dtype), group.shape)}")
        yield _BETWEEN.join(parts), group.nbytes * members


def read_groups(row: str, nbytes: int, *, ref_type: RefType, device: str) -> Iterator[LiveGroup]:
    """The groups that a row stands for.

    Raises:
        ValueError: it is not what `write_groups` writes.
    """
    summed = ref_type in BY_ROOT
    parts = row.split(_BETWEEN)
    counted = _COUNTED.fullmatch(parts[-1])
    if counted is None or len(parts) != (_SUMMED_PARTS if summed else _PARTS):
        example = "GPT | 60 x float32" if summed else "GPT.head | aten.mm | 1 x float32[8, 256]"
        msg = f"{row!r} is not a row of tensors such as {example!r}"
        raise ValueError(msg)
    dtype, shape = (counted[2], ()) if summed else read_spec(counted[2])
    [op] = [""] if summed else _unfold(parts[1])
    [dtype] = unfold(dtype)
    names = _unfold(parts[0])
    count, each = int(counted[1]) // len(names), nbytes // len(names)
    for name in names:
        yield LiveGroup(ref_type, name, op, shape, dtype, device, count, ByteSize(each))


def _looks(group: LiveGroup) -> tuple[str, tuple[int, ...], str, int, int]:
    return group.op, group.shape, group.dtype, group.count, group.nbytes


def _or_none(text: str) -> str:
    if not text:
        return _NONE
    return f"\\{_NONE}" if text == _NONE else text


def _unfold(text: str) -> list[str]:
    return [""] if text == _NONE else unfold(text)
