"""What is older than the recording, so that the measured step is not to blame for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Change, OlderMemory, Signal, SizeChange
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.ref_type import BY_ROOT, RefType
from pytest_footprint.model.usage import DeviceUsage, Usage

_OF_THE_MODEL = frozenset(
    {
        RefType.PARAMETER,
        RefType.BUFFER,
        RefType.GRADIENT,
        RefType.OPTIMIZER_STATE,
        RefType.SHARDED_PARAMETER,
        RefType.SHARDED_GRADIENT,
    }
)


def older_memory(before: Footprint, after: Footprint, changes: Iterable[Change]) -> tuple[OlderMemory, ...]:
    """Of the types whose sizes changed, largest difference first.

    A model that is another one now, or sharded otherwise, takes other room from the start on: that is told as such.
    Inputs are what the test passes.
    """
    changes = tuple(changes)
    then, now = _start(before), _start(after)
    if then is None or now is None:
        return ()
    rebuilt = any(change.signal is Signal.STRUCTURE for change in changes) or _sharded(then) != _sharded(now)
    moved = {(change.device, change.subject) for change in changes if isinstance(change, SizeChange)}
    found = [
        one
        for one in _differences(then, now)
        if (one.device, one.ref_type.value) in moved
        and one.ref_type is not RefType.INPUT
        and not (rebuilt and one.ref_type in _OF_THE_MODEL)
        and _holds_older(after if one.after > one.before else before, one)
    ]
    return tuple(sorted(found, key=lambda one: -abs(one.difference)))


def _start(footprint: Footprint) -> DeviceUsage | None:
    """What was alive before the first step. Baselines do not hold it; of one step the growth tells it."""
    if footprint.start or footprint.steps != 1:
        return footprint.start or None
    growth = footprint.growth
    return DeviceUsage(
        {
            device: Usage.of({kind: usage[kind] - growth.get(device, Usage())[kind] for kind in RefType})
            for device, usage in footprint.end.items()
        }
    )


def _sharded(usage: DeviceUsage) -> dict[str, ByteSize]:
    """Bytes of sharded parameters by device: other ones are those of a model that is sharded otherwise."""
    return {device: each.sharded_parameters for device, each in usage.items() if each.sharded_parameters}


def _differences(then: DeviceUsage, now: DeviceUsage) -> Iterator[OlderMemory]:
    for device in dict.fromkeys((*then, *now)):
        was, is_now = then.get(device, Usage()), now.get(device, Usage())
        for kind in RefType:
            if was[kind] != is_now[kind]:
                yield OlderMemory(kind, device, was[kind], is_now[kind])


def _holds_older(footprint: Footprint, one: OlderMemory) -> bool:
    """Whether some of it was made by no operator that was recorded.

    What baselines sum up has no operator and no shape: of that they do not tell.
    """
    return any(
        not group.op
        and (group.shape or group.ref_type not in BY_ROOT)
        and (group.ref_type, group.device) == (one.ref_type, one.device)
        for group in (*footprint.at_end, *footprint.at_peak)
    )
