"""From the text of a baseline to its value, with an answer to everything that is not one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_footprint.baseline.encode import LAST_LINE
from pytest_footprint.baseline.kinds import OneValue, Value, kind_name
from pytest_footprint.baseline.rank_sections import RANK, RANKS, with_rank
from pytest_footprint.baseline.rows import read_groups, read_spec
from pytest_footprint.baseline.source import Source
from pytest_footprint.baseline.unshards import MOST, TABLE, ahead_of, read_unshards
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.call_order import unfold_order
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.fqn import unfold
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.rank_footprints import RankFootprints
from pytest_footprint.model.rank_numbers import read_rank_numbers
from pytest_footprint.model.rank_values import RankValues
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors
from pytest_footprint.model.structure import Structure, TensorSpec
from pytest_footprint.model.unshard import BACKWARD, FORWARD, Unshard
from pytest_footprint.model.usage import DeviceUsage, Usage

RENEW = "pytest --mem-baseline-update"


def decode(
    text: str,
    *,
    kind: type[OneValue] | None = None,
    of_ranks: bool | None = None,
    where: str = "baseline",
    renew: str = RENEW,
) -> Value:
    """Read what `encode` wrote.

    Args:
        text: the content of the file.
        kind: the type that is expected; any when ``None``.
        of_ranks: whether the values of several ranks are expected, or one value; either when ``None``.
        where: the file, for the message.
        renew: the command that writes the baseline anew, for the message.

    Raises:
        BaselineFormatError: it is damaged, of another schema, or of another kind.
    """
    source = Source(text, where, renew)
    document = source.parse()
    source.check_schema(document)
    found = source.kind(document)
    if kind is not None and kind_name(kind) != found:
        problem = (
            f"the baseline holds a {found}, and a {kind_name(kind)} is compared with it; name= tells two checks apart"
        )
        source.fail(problem, "kind")
    if text.rstrip().rpartition("\n")[2] != LAST_LINE:
        source.fail(f"the baseline is cut off: its last line is not {LAST_LINE!r}", line=len(source.lines))
    has_ranks = RANKS in document
    if of_ranks is not None and of_ranks != has_ranks:
        held, given = ("several ranks", "one process") if has_ranks else ("one process", "several ranks")
        source.fail(f"the baseline is of {held}, and a {found} of {given} is compared with it", RANKS)
    try:
        return _ranks(document, found) if has_ranks else _one(document, found)
    except _BrokenError as broken:
        source.fail(f"the baseline is damaged: {broken}", *broken.path)


def _ranks(document: dict[str, Any], kind: str) -> RankValues[Any]:
    ranks = _numbers(_str(document[RANKS], RANKS), RANKS)
    found: dict[int, Any] = dict.fromkeys(ranks, _one(document, kind))
    for numbers in _table(document, RANK):
        some = _numbers(numbers, RANK, numbers)
        if strangers := [rank for rank in some if rank not in found]:
            msg = f"rank {strangers[0]} is none of ranks = {document[RANKS]!r}"
            raise _BrokenError(msg, RANK, numbers)
        try:
            value = _one(with_rank(document, _table(document, RANK, numbers)), kind)
        except _BrokenError as broken:
            raise _BrokenError(str(broken), RANK, numbers, *broken.path) from None
        found.update(dict.fromkeys(some, value))
    return RankFootprints(found) if kind == "footprint" else RankValues(found)


def _numbers(text: str, *path: str) -> tuple[int, ...]:
    try:
        return read_rank_numbers(text)
    except ValueError as problem:
        raise _BrokenError(str(problem), *path) from None


def _one(document: dict[str, Any], kind: str) -> OneValue:
    if kind == "footprint":
        return _footprint(document)
    return _order(document) if kind == "hierarchy" else _structure(document)


class _BrokenError(Exception):
    def __init__(self, problem: str, *path: str) -> None:
        super().__init__(problem)
        self.path = path


def _footprint(document: dict[str, Any]) -> Footprint:
    saved = [row for group in _groups(document, "saved", by_ref_type=False) for row in _saved(group)]
    order = _order(document)
    return Footprint(
        peak=_usage(document, "peak"),
        end=_usage(document, "end"),
        growth=_usage(document, "growth"),
        saved=SavedTensors(tuple(saved)),
        forward=order.forward,
        backward=order.backward,
        recomputed=order.recomputed,
        structure=_structure(document),
        at_peak=_largest_first(_groups(document, "at_peak")),
        at_end=_largest_first(_groups(document, "at_end")),
        steps=_int(document.get("steps"), "steps"),
        unsharded=tuple(_unshards(document)),
        max_unsharded=_int(_table(document, TABLE).get(MOST, 0), TABLE, MOST),
        environment={name: _str(text, "provenance", name) for name, text in _table(document, "provenance").items()},
    )


def _usage(document: dict[str, Any], moment: str) -> DeviceUsage:
    found = {}
    for device in _table(document, moment):
        sizes = _table(document, moment, device)
        total = _int(sizes.pop("total", None), moment, device, "total")
        usage = Usage.of(
            {_ref_type(name, moment, device): _int(size, moment, device, name) for name, size in sizes.items()}
        )
        if usage.total != total:
            msg = f"total is {total}, and the sizes below it make {int(usage.total)}"
            raise _BrokenError(msg, moment, device, "total")
        found[device] = usage
    return DeviceUsage(found)


def _groups(document: dict[str, Any], moment: str, *, by_ref_type: bool = True) -> Iterator[LiveGroup]:
    for device in _table(document, moment):
        tables = list(_table(document, moment, device)) if by_ref_type else [None]
        for name in tables:
            path = (moment, device) if name is None else (moment, device, name)
            ref_type = RefType.ACTIVATION if name is None else _ref_type(name, *path)
            for row, nbytes in _table(document, *path).items():
                try:
                    yield from read_groups(row, _int(nbytes, *path, row), ref_type=ref_type, device=device)
                except ValueError as problem:
                    raise _BrokenError(str(problem), *path, row) from None


def _saved(group: LiveGroup) -> Iterator[SavedTensor]:
    if group.count < 1:
        return
    each, rest = divmod(int(group.nbytes), group.count)
    for number in range(group.count):
        # A group tells only the bytes of all of its tensors, which may differ when some are views.
        nbytes = ByteSize(each + (rest if number == 0 else 0))
        yield SavedTensor(group.fqn, group.op, group.shape, group.dtype, nbytes, group.device)


def _largest_first(groups: Iterator[LiveGroup]) -> tuple[LiveGroup, ...]:
    return tuple(sorted(groups, key=lambda group: -group.nbytes))


def _order(document: dict[str, Any]) -> Hierarchy:
    orders = {}
    for name in ("forward", "backward", "recomputed"):
        rows = _table(document, "order").get(name)
        orders[name] = _unfolded(rows, "order", name)
    return Hierarchy(**orders)


def _unshards(document: dict[str, Any]) -> Iterator[Unshard]:
    table = _table(document, TABLE)
    for order in (FORWARD, BACKWARD):
        names = _unfolded(table.get(order, []), TABLE, order)
        ahead = table.get(ahead_of(order))
        try:
            yield from read_unshards(order, names, None if ahead is None else _str(ahead, TABLE, ahead_of(order)))
        except ValueError as problem:
            raise _BrokenError(str(problem), TABLE, ahead_of(order)) from None


def _structure(document: dict[str, Any]) -> Structure:
    tensors = []
    for name, text in _table(document, "structure", "tensors").items():
        path = ("structure", "tensors", name)
        try:
            dtype, shape = read_spec(_str(text, *path))
            tensors += [TensorSpec(each, shape, dtype) for each in unfold(name)]
        except ValueError as problem:
            raise _BrokenError(str(problem), *path) from None
    tied = _table(document, "structure").get("tied")
    if not isinstance(tied, list):
        msg = "tied is not a list"
        raise _BrokenError(msg, "structure", "tied")
    return Structure(tuple(tensors), tuple(_unfolded(names, "structure", "tied") for names in tied))


def _unfolded(rows: object, *path: str) -> tuple[str, ...]:
    if not isinstance(rows, list):
        msg = f"{path[-1]} is not a list of names"
        raise _BrokenError(msg, *path)
    try:
        return unfold_order(_str(row, *path) for row in rows)
    except ValueError as problem:
        raise _BrokenError(str(problem), *path) from None


def _table(document: dict[str, Any], *path: str) -> dict[str, Any]:
    found: Any = document
    for at, name in enumerate(path):
        found = found.get(name, {})
        if not isinstance(found, dict):
            msg = f"{name} is not a table"
            raise _BrokenError(msg, *path[: at + 1])
    return dict(found)


def _ref_type(name: str, *path: str) -> RefType:
    try:
        return RefType(name)
    except ValueError:
        msg = f"{name!r} is not a reference type; those are {', '.join(RefType)}"
        raise _BrokenError(msg, *path, name) from None


def _int(value: object, *path: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    msg = f"{path[-1]!r} has no whole number, but {value!r}" if value is not None else f"{path[-1]} is missing"
    raise _BrokenError(msg, *path)


def _str(value: object, *path: str) -> str:
    if isinstance(value, str):
        return value
    msg = f"{path[-1]!r} holds {value!r}, which is no text"
    raise _BrokenError(msg, *path)
