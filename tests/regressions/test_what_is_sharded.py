"""Sharded steps that gather otherwise: options of ``fully_shard`` and of its modules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from regressions import failure, stored
from sharded import TRAININGS, Net, Training, fake_ranks, mesh, shard
from torch.distributed.fsdp import fully_shard

from pytest_footprint.model.footprint import Footprint


@pytest.fixture(scope="module", autouse=True)
def _world() -> Iterator[None]:
    with fake_ranks():
        yield


@pytest.fixture(scope="module")
def plain(_world: None) -> Footprint:
    return stored(TRAININGS["plain"])


def test_blocks_that_are_not_resharded_after_forward(plain: Footprint) -> None:
    said = failure(plain, TRAININGS["not resharded after forward"])

    assert said.headline == (
        "memory differs from its baseline: cpu peak +76.68 KiB (+8.2 %): Net.blocks.{0..2} stay whole "
        "from forward to backward (reshard_after_forward=False?)"
    )
    assert "unsharded parameters +258.5 KiB (+178 %), of Net: 8 x float32" in said.paragraph
    assert said.rows("whole at once") == ["FSDP modules that are whole at once: 3 -> 4"]


def test_two_blocks_that_are_prefetched(plain: Footprint) -> None:
    said = failure(plain, TRAININGS["prefetched"])

    assert said.headline == (
        "FSDP unshards otherwise than in the baseline:"
        " unshard of Net.blocks.1 in forward: in its turn -> prefetched 1 module ahead, and 3 more"
    )
    assert said.rows("unshard of")[1:] == [
        "unshard of Net.blocks.1 in forward: in its turn -> prefetched 1 module ahead",
        "unshard of Net.blocks.2 in forward: in its turn -> prefetched 2 modules ahead",
        "unshard of Net.blocks.0 in backward: prefetched 1 module ahead -> prefetched 2 modules ahead",
    ]


def test_parameters_that_are_gathered_in_float32() -> None:
    said = failure(stored(TRAININGS["bfloat16"]), TRAININGS["plain"])

    assert said.headline == (
        "memory differs from its baseline: cpu peak +230.12 KiB (+33 %): unsharded parameters and other "
        "tensors of Net are float32, not bfloat16"
    )
    assert said.rows("unsharded parameters Net") == [
        "+72.75 KiB unsharded parameters Net 6 x float32, was bfloat16",
    ]


def test_gradients_that_are_reduced_in_bfloat16() -> None:
    said = failure(stored(TRAININGS["bfloat16"]), TRAININGS["bfloat16, reduced so"])

    assert said.headline == (
        "memory is below its baseline: cpu peak -64.62 KiB (-9.2 %): reduce scatter tensors of "
        "Net.blocks.2 (Net.blocks.{0..2} alike?) are bfloat16, not float32"
    )


def test_a_mesh_that_shards_over_fewer_ranks(plain: Footprint) -> None:
    said = failure(plain, lambda: Training(shard(Net(), mesh(2, 2))))

    assert said.headline == (
        "memory differs from its baseline: cpu peak +335.31 KiB (+36 %): parameters are sharded over 2 ranks, not 4"
    )
    assert "cpu sharded parameters 101 KiB 202 KiB +101 KiB +100 %" in said.rows("cpu sharded parameters")


def test_blocks_that_are_sharded_with_the_root(plain: Footprint) -> None:
    def root_alone() -> Training:
        net = Net()
        fully_shard(net, mesh=mesh())
        return Training(net)

    said = failure(plain, root_alone)

    assert said.headline == (
        "memory differs from its baseline: cpu peak +254.18 KiB (+27 %): Net.blocks.{0..2} are gathered "
        "together with Net, no longer on their own (no fully_shard?)"
    )
