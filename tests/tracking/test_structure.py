from __future__ import annotations

import torch
from torch import nn

from pytest_footprint.model.structure import TensorSpec
from pytest_footprint.tracking import MemTracker
from pytest_footprint.tracking.modules.structure import structure


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(4, 8)
        self.head = nn.Linear(8, 4, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("scratch", torch.zeros(3), persistent=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.embed(tokens))


def test_every_entry_of_the_state_dict_is_told_in_order() -> None:
    found = structure(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3, dtype=torch.float64)))

    assert found.tensors == (
        TensorSpec("0.weight", (3, 2), "float32"),
        TensorSpec("0.bias", (3,), "float32"),
        TensorSpec("1.weight", (3,), "float64"),
        TensorSpec("1.bias", (3,), "float64"),
        TensorSpec("1.running_mean", (3,), "float64"),
        TensorSpec("1.running_var", (3,), "float64"),
        TensorSpec("1.num_batches_tracked", (), "int64"),
    )
    assert found.tied == ()


def test_names_that_share_their_memory_are_tied() -> None:
    found = structure(Tied())

    assert found.tied == (("embed.weight", "head.weight"),)
    assert [spec.name for spec in found.tensors] == ["steps", "embed.weight", "head.weight"]


def test_views_of_different_parts_of_one_storage_are_not_tied() -> None:
    flat = torch.randn(8)
    model = nn.ParameterList([nn.Parameter(flat[:4]), nn.Parameter(flat[4:])])

    assert structure(model).tied == ()


def test_tensors_without_elements_are_not_tied() -> None:
    model = nn.ParameterList([nn.Parameter(torch.empty(0)), nn.Parameter(torch.empty(0))])

    assert structure(model).tied == ()


def test_a_lazy_parameter_has_no_shape_yet() -> None:
    found = structure(nn.LazyLinear(3, bias=False))

    assert found.tensors == (TensorSpec("weight", (), "float32"),)


def test_what_a_state_dict_holds_besides_tensors_is_left_out() -> None:
    class Extra(nn.Linear):
        def get_extra_state(self) -> dict[str, int]:
            return {"steps": 1}

    assert [spec.name for spec in structure(Extra(2, 2, bias=False)).tensors] == ["weight"]


def test_a_footprint_tells_the_structure_of_the_models_that_took_part_under_their_fqns() -> None:
    model = Tied()

    with MemTracker() as tracker:
        model(torch.tensor([1]))

    found = tracker.footprint().structure
    assert {spec.name for spec in found.tensors} == {"Tied.steps", "Tied.embed.weight", "Tied.head.weight"}
    assert found.tied == (("Tied.embed.weight", "Tied.head.weight"),)


def test_a_model_that_knows_itself_has_a_structure_in_a_footprint() -> None:
    model = nn.Linear(2, 2, bias=False)
    child = nn.Identity()
    model.child = child
    child.parent = model

    with MemTracker() as tracker:
        model(torch.ones(1, 2))

    assert [spec.name for spec in tracker.footprint().structure.tensors] == ["Linear.weight"]
