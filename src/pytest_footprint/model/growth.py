"""Memory that grows from step to step: who, how much, since when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.counts import check_count
from pytest_footprint.model.fqn import fold_alike
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.step_end import StepEnd
from pytest_footprint.model.usage import DeviceUsage, Usage

if TYPE_CHECKING:
    from pytest_footprint.model.footprint import Footprint

_ROWS = 5
_STEPS = 12


def growth_text(footprint: Footprint, skip: int) -> str:
    """What is wrong, by device; ``""`` when no step after the first ``skip`` ends with more than any before it did.

    Raises:
        TypeError: ``skip`` is no whole number.
        ValueError: it is negative, or there is no step after the first ``skip``.
    """
    steps = footprint.step_ends
    check_count("assert_no_growth", "skip", skip, least=0)
    if len(steps) <= skip:
        msg = (
            f"assert_no_growth(skip={skip}) needs {skip + 1} measured steps or more,"
            f" and this footprint has {len(steps)}: mem_tracker.run(fn, steps={skip + 3})"
        )
        raise ValueError(msg)
    texts = (_of_device(device, footprint, skip) for device in footprint.end)
    return "\n\n".join(filter(None, texts))


def _of_device(device: str, footprint: Footprint, skip: int) -> str:
    ends = [_total(usage, device) for usage in (footprint.start, *(step.usage for step in footprint.step_ends))]
    base = max(ends[1 : skip + 1], default=ends[0])
    worst = max(range(skip + 1, len(ends)), key=lambda at: ends[at])
    if ends[worst] <= base:
        return ""
    told = [ByteSize(ends[at] - ends[at - 1]) for at in range(skip + 1, len(ends))]
    lines = [_headline(device, ByteSize(ends[worst] - base), told, skip)]
    lines += _culprits(device, footprint.step_ends[skip:worst])
    return "\n".join(lines)


def _total(usage: DeviceUsage, device: str) -> int:
    return usage.get(device, Usage()).total


def _headline(device: str, grown: ByteSize, told: Sequence[ByteSize], skip: int) -> str:
    first, last = skip + 1, skip + len(told)
    said = f"{device} memory grows from step to step: +{grown}"
    since = f"after step {skip}" if skip else "since the start"
    if len(told) == 1:
        return f"{said} in step {first}, the only one that is compared"
    if len(set(told)) == 1:
        return f"{said} {since}, +{told[0]} with each of steps {first} to {last}"
    rising = [at for at, each in enumerate(told) if each > 0]
    if rising == [0]:
        return f"{said} in step {first} and in none of the {len(told) - 1} after it: if that is warm-up, skip={first}"
    shown = ", ".join(f"{'+' if each > 0 else ''}{each}" for each in told[:_STEPS])
    more = f", ... ({len(told) - _STEPS} more)" if len(told) > _STEPS else ""
    return f"{said} {since}; steps {first} to {last}: {shown}{more}"


def _culprits(device: str, steps: Iterable[StepEnd]) -> list[str]:
    found: dict[LiveGroup, LiveGroup] = {}
    for step in steps:
        for group in step.moved:
            if group.device == device:
                look = replace(group, count=0, nbytes=ByteSize(0))
                before = found.get(look, look)
                found[look] = replace(
                    group if before is look else before,
                    count=before.count + group.count,
                    nbytes=before.nbytes + group.nbytes,
                )
    alike = [(group.fqn, replace(group, fqn="")) for group in found.values() if group.nbytes > 0]
    rows = [
        replace(group, fqn=fqn, count=group.count * members, nbytes=ByteSize(group.nbytes * members))
        for fqn, members, group in fold_alike(alike)
    ]
    rows.sort(key=lambda group: -group.nbytes)
    lines = [f"  +{group.nbytes} {group}" for group in rows[:_ROWS]]
    return [*lines, f"  ... and {len(rows) - _ROWS} more"] if len(rows) > _ROWS else lines
