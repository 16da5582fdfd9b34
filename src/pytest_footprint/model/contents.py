"""Whether tensors are those that they should be, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.fqn import fold_alike, matches
from pytest_footprint.model.known_names import check_dtype, check_module, closest
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.tensor_pattern import TensorPattern, unlike

_ROWS = 6


def contents_text(groups: Sequence[LiveGroup], wanted: Sequence[str]) -> str:
    """What is saved and should not be, and the other way round; ``""`` when all is as wanted.

    Raises:
        ValueError: one of ``wanted`` cannot be read, or has a dtype that does not exist.
    """
    patterns = [TensorPattern.parse(text) for text in wanted]
    for pattern in patterns:
        check_dtype(pattern.dtype, {group.dtype for group in groups})
    extra, missing = unlike(groups, patterns)
    if not (extra or missing):
        return ""
    nbytes = ByteSize(sum(group.nbytes for group in extra))
    count = sum(group.count for group in extra)
    said = []
    if extra:
        said.append(f"{_tensors(count)} saved for backward that should not be ({nbytes})")
    if missing:
        said.append(f"not saved: {', '.join(missing)}")
    lines = ["; ".join(said), *_lines(extra)]
    if wanted:
        lines += _other_operators(groups, patterns)
        lines.append(f"saved in all: {_to_copy(groups)}")
    return "\n".join(lines)


def _other_operators(groups: Sequence[LiveGroup], patterns: Sequence[TensorPattern]) -> list[str]:
    """What may be meant by operators that made none of the tensors."""
    made = sorted({group.op for group in groups})
    short = {op.removeprefix("aten."): op for op in made}
    absent = [pattern.op for pattern in patterns if not any(pattern.made(op) for op in made)]
    close = {op: closest(op, made) or closest(op, short) for op in dict.fromkeys(absent)}
    return [f"nothing saved is made by {op}: did you mean {names}?" for op, names in close.items() if names]


def dtypes_text(
    groups: Sequence[LiveGroup],
    allowed: Sequence[object],
    except_: str | Sequence[str],
    what: str,
    known: Collection[str] | None,
) -> str:
    """What has another dtype than one of ``allowed``; ``""`` when nothing has.

    Args:
        groups: the tensors.
        allowed: names, patterns or dtypes of torch.
        except_: patterns of modules that may have others.
        what: ``saved for backward``.
        known: the names that ``except_`` may name; None when they are not known.

    Raises:
        ValueError: no dtype is named, one that does not exist, or a pattern names nothing.
    """
    names = [str(dtype).removeprefix("torch.") for dtype in allowed]
    if not names:
        msg = 'assert_dtypes needs the dtypes that are allowed: assert_dtypes("bfloat16", "int64")'
        raise ValueError(msg)
    excepted = [except_] if isinstance(except_, str) else except_
    seen = {group.dtype for group in groups}
    for name, dtype in zip(names, allowed, strict=True):
        if isinstance(dtype, str):
            check_dtype(name, seen)
    for pattern in excepted:
        if known is not None:
            check_module(pattern, known, "module")
    wrong = [
        group
        for group in groups
        if not any(fnmatchcase(group.dtype, name) for name in names)
        and not any(matches(pattern, group.fqn) for pattern in excepted)
    ]
    if not wrong:
        return ""
    found = ", ".join(dict.fromkeys(group.dtype for group in wrong))
    size = ByteSize(sum(group.nbytes for group in wrong))
    total = f" ({size})" if size else ""
    head = f"{_tensors(sum(group.count for group in wrong))} {what} as {found}{total}, not as {' or '.join(names)}"
    return "\n".join([head, *_lines(wrong)])


def _to_copy(groups: Sequence[LiveGroup]) -> str:
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group.spec] += group.count
    every = [f'"{count} x {spec}"' if count > 1 else f'"{spec}"' for spec, count in counts.items()]
    return ", ".join(every) or "nothing"


def _tensors(count: int) -> str:
    return "1 tensor is" if count == 1 else f"{count} tensors are"


def _lines(groups: Sequence[LiveGroup]) -> list[str]:
    alike = [(group.fqn, replace(group, fqn="")) for group in groups]
    rows = [
        replace(group, fqn=fqn, count=group.count * members, nbytes=ByteSize(group.nbytes * members))
        for fqn, members, group in fold_alike(dict.fromkeys(alike))
    ]
    rows.sort(key=lambda group: -group.nbytes)
    lines = [
        f"  {f'{group.nbytes} ' if group.nbytes else ''}{group.fqn or '(no module)'}: {group.made}" for group in rows
    ]
    return lines if len(lines) <= _ROWS else [*lines[:_ROWS], f"  ... and {len(lines) - _ROWS} more"]
