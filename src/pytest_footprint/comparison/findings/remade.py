"""What a module saves is as large as before, and made by another operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pytest_footprint.model.finding import Remade
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.fqn import fold_alike
from pytest_footprint.model.saved_tensor import SavedTensors

_FUNCTIONS = frozenset(
    f"aten.{name}"
    for name in (
        "celu",
        "clamp",
        "clamp_min",
        "elu",
        "hardsigmoid",
        "hardswish",
        "hardtanh",
        "leaky_relu",
        "mish",
        "relu",
        "rrelu_with_noise",
        "selu",
        "sigmoid",
        "silu",
        "tanh",
        "threshold",
    )
)
"""Those with a form in place, as ``nn.ReLU(inplace=True)`` calls."""


def remade(before: Footprint, after: Footprint) -> Iterator[Remade]:
    """Of modules that save something else than before where shape, dtype and number are the same."""
    then, now = _by_module(before.saved), _by_module(after.saved)
    found = []
    for fqn, rows in now.items():
        gone, new = then.get(fqn, Counter()) - rows, rows - then.get(fqn, Counter())
        if len(gone) == len(new) == 1:
            [((was, *look), count)] = gone.items()
            [((op, *other), number)] = new.items()
            if (look, count) == (other, number) and was and op:
                found.append((fqn, (was, op)))
    for fqn, _, (was, op) in fold_alike(found):
        in_place = was in _FUNCTIONS
        # Another function in its stead is no function in place.
        replaced = _functions(after) - _functions(before) if in_place else _functions(before) - _functions(after)
        if in_place != (op in _FUNCTIONS) and not replaced:
            yield Remade(fqn, was, op, in_place=in_place)


def _functions(footprint: Footprint) -> frozenset[str]:
    """Those that made what is saved, or alive at the peak."""
    return _FUNCTIONS & {row.op for row in (*footprint.saved, *footprint.at_peak)}


def _by_module(saved: SavedTensors) -> dict[str, Counter[tuple[str, tuple[int, ...], str, str]]]:
    found: dict[str, Counter[tuple[str, tuple[int, ...], str, str]]] = {}
    for row in saved:
        found.setdefault(row.fqn, Counter())[row.op, row.shape, row.dtype, row.device] += 1
    return found
