from __future__ import annotations

from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.structure import Structure, TensorSpec


def test_the_structure_of_a_part_keeps_its_ties_only() -> None:
    names = ["M.tok.weight", "M.layers.0.w", "M.layers.0.v", "M.head.weight"]
    structure = Structure(
        tuple(TensorSpec(name, (1,), "float32") for name in names),
        (("M.tok.weight", "M.head.weight"), ("M.layers.0.w", "M.layers.0.v")),
    )

    part = structure.of("layers.*")

    assert [spec.name for spec in part.tensors] == ["M.layers.0.w", "M.layers.0.v"]
    assert part.tied == (("M.layers.0.w", "M.layers.0.v"),)


def test_calls_count_recomputation_too() -> None:
    assert Hierarchy(("M", "M.a"), ("M",), ("M.a",)).calls == {"M": 1, "M.a": 2}
