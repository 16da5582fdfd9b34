"""Values as text that people review."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pytest_footprint.baseline import toml
from pytest_footprint.baseline.kinds import OneValue, Value, kind_of
from pytest_footprint.baseline.rank_sections import RANKS, differing_sections
from pytest_footprint.baseline.rows import spec, write_groups
from pytest_footprint.baseline.unshards import write_unshards
from pytest_footprint.model.call_order import fold_order
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.fqn import fold_alike
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.live_group import LiveGroup, summed_up
from pytest_footprint.model.rank_numbers import rank_numbers, ranks_said
from pytest_footprint.model.rank_values import RankValues
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.structure import Structure
from pytest_footprint.model.usage import DeviceUsage, Usage

SCHEMA = 1
LAST_LINE = "# end of baseline"
"""Tells a file that was cut off at the end of a line from a whole one."""

_TITLE = "# A baseline of pytest-footprint: review it like code, renew it with --mem-baseline-update."


def encode(value: Value) -> str:
    """The text that a baseline file holds.

    Of a footprint it leaves out ``start``, ``modules``, ``marks`` and the lines of code, which are not compared;
    the environment is kept to be shown.
    """
    lines = [_TITLE, f"schema = {SCHEMA}", toml.pair("kind", kind_of(value))]
    lines += _ranks(value) if isinstance(value, RankValues) else _one(value)
    return "\n".join([*lines, "", LAST_LINE, ""])


def _ranks(value: RankValues[OneValue]) -> Iterator[str]:
    """The value of most ranks in full, and of the others what differs."""
    first, *others = value.groups
    common = list(_one(first.value))
    found = [(group.ranks, differing_sections(common, _one(group.value), group.ranks)) for group in others]
    differing = [rank for ranks, lines in found if lines for rank in ranks]
    told = f"not alike, see the end: {ranks_said(differing)}" if differing else f"all {len(value)} alike"
    yield f"{toml.pair(RANKS, rank_numbers(value))}  # {told}"
    yield from common
    for _, lines in found:
        yield from lines


def _one(value: OneValue) -> Iterator[str]:
    if isinstance(value, Footprint):
        return _footprint(value)
    return _order(value) if isinstance(value, Hierarchy) else _structure(value)


def _footprint(value: Footprint) -> Iterator[str]:
    yield f"steps = {value.steps}"
    for moment, usage in (("peak", value.peak), ("end", value.end), ("growth", value.growth)):
        yield from _usage(moment, usage)
    yield from _groups("saved", value.saved.groups(), by_ref_type=False)
    yield from _groups("at_peak", summed_up(value.at_peak))
    yield from _groups("at_end", summed_up(value.at_end))
    yield from _order(value.hierarchy)
    yield from write_unshards(value.unsharded, value.max_unsharded)
    yield from _structure(value.structure)
    yield from _provenance(value.environment)


def _usage(moment: str, by_device: DeviceUsage) -> Iterator[str]:
    for device in sorted(by_device):
        usage: Usage = by_device[device]
        yield toml.header(moment, device)
        yield toml.size("total", usage.total)
        for ref_type, nbytes in usage.items():
            yield toml.size(ref_type.value, nbytes)


def _groups(moment: str, groups: Iterable[LiveGroup], *, by_ref_type: bool = True) -> Iterator[str]:
    tables: dict[tuple[str, int], list[LiveGroup]] = {}
    ranks = {ref_type: rank for rank, ref_type in enumerate(RefType)}
    for group in groups:
        tables.setdefault((group.device, ranks[group.ref_type]), []).append(group)
    for (device, _), members in sorted(tables.items(), key=lambda table: table[0]):
        yield toml.header(moment, device, *([members[0].ref_type.value] if by_ref_type else []))
        for row, nbytes in write_groups(members):
            yield toml.size(row, nbytes)


def _order(value: Hierarchy) -> Iterator[str]:
    yield toml.header("order")
    for name, fqns in (("forward", value.forward), ("backward", value.backward), ("recomputed", value.recomputed)):
        yield toml.array(name, map(toml.string, fold_order(fqns)))


def _structure(value: Structure) -> Iterator[str]:
    yield toml.header("structure")
    yield toml.array("tied", (f"[{', '.join(map(toml.string, fold_order(names)))}]" for names in value.tied))
    yield toml.header("structure", "tensors")
    for name, _, looks in fold_alike((tensor.name, spec(tensor.dtype, tensor.shape)) for tensor in value.tensors):
        yield toml.pair(name, looks)


def _provenance(environment: Mapping[str, str]) -> Iterator[str]:
    yield "\n# Where the numbers come from: shown when it differs, never compared."
    yield toml.header("provenance")[1:]
    for name, text in environment.items():
        yield toml.pair(name, text)
