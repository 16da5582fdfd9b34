"""Models that are built otherwise: buffers, ties, names and the order of calls."""

from __future__ import annotations

import pytest
import small_cnn
import small_gpt
import torch
from regressions import failure, stored
from small_cnn import CNNTrainer, Stage
from small_gpt import GPT, TIME, WIDTH, Attention, Block, GPTTrainer
from torch import Tensor, nn
from torch.nn.functional import gelu

from pytest_footprint.model.footprint import Footprint

HERE = "test_what_is_built.py:"


@pytest.fixture(scope="module")
def gpt() -> Footprint:
    return stored(GPTTrainer)


@pytest.fixture(scope="module")
def cnn() -> Footprint:
    return stored(CNNTrainer)


@pytest.mark.parametrize(
    ("persistent", "what"),
    [
        (True, "GPT.blocks.{0..3}.attn.hidden is new: bool[32, 32]"),
        (False, "buffers of GPT.blocks.{0..3}.attn: 4 x bool[32, 32] from triu"),
    ],
    ids=["in the state_dict", "beside the state_dict"],
)
def test_a_mask_in_every_layer(
    gpt: Footprint,
    monkeypatch: pytest.MonkeyPatch,
    persistent: bool,  # noqa: FBT001 - a test's parameter
    what: str,
) -> None:
    class MaskedAttention(Attention):
        hidden: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("hidden", torch.ones(TIME, TIME, dtype=torch.bool).triu(1), persistent=persistent)

        def forward(self, x: Tensor, future: Tensor) -> Tensor:
            return super().forward(x, self.hidden)

    monkeypatch.setattr(small_gpt, "Attention", MaskedAttention)

    said = failure(gpt, GPTTrainer)

    assert said.headline == f"memory differs from its baseline: cpu peak +4 KiB (+0.11 %): {what}"
    assert "buffers +4 KiB (+400 %), of GPT.blocks.{0..3}.attn: 4 x bool[32, 32] from aten.triu at " in said.paragraph
    assert HERE in said.paragraph


def test_tied_weights_that_are_split(gpt: Footprint, monkeypatch: pytest.MonkeyPatch) -> None:
    build = GPT.__init__

    def split(self: GPT) -> None:
        build(self)
        self.head.weight = nn.Parameter(self.tokens.weight.detach().clone())

    monkeypatch.setattr(GPT, "__init__", split)

    said = failure(gpt, GPTTrainer)

    assert said.headline == (
        "memory differs from its baseline: cpu peak +192 KiB (+5.1 %):"
        " no longer tied: GPT.head.weight = GPT.tokens.weight"
    )
    assert "peak cpu total 3.68 MiB 3.86 MiB +192 KiB +5.1 %" in said.rows("cpu total")
    assert "cpu parameters 853.5 KiB 917.5 KiB +64 KiB +7.5 %" in said.rows("cpu parameters")


class RenamedMLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(gelu(self.fc(x)))
        return y


def test_a_submodule_that_is_renamed(gpt: Footprint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_gpt, "MLP", RenamedMLP)

    said = failure(gpt, GPTTrainer)

    weights = "key renamed: GPT.blocks.{0..3}.mlp.up.weight -> GPT.blocks.{0..3}.mlp.fc.weight"
    assert said.headline == f"the structure is not that of the baseline: {weights}, and 1 more"
    assert "structure:" in said.text
    assert len(said.text.splitlines()) == 7, "a rename is told as a rename only"


class MLPFirst(Block):
    def forward(self, x: Tensor, future: Tensor) -> Tensor:
        x = x + self.mlp(self.norm2(x))
        y: Tensor = x + self.attn(self.norm1(x), future)
        return y


def test_calls_that_are_reordered(gpt: Footprint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_gpt, "Block", MLPFirst)

    said = failure(gpt, GPTTrainer)

    assert said.headline == (
        "memory differs from its baseline: cpu peak +38.06 KiB (+1 %): GPT.blocks.{0..3}.norm2 now run "
        "first, not after attn.out, in forward"
    )
    assert said.rows("GPT.blocks.{0..3}.mlp moved in forward and recomputation (12 modules)")


class NormsSwapped(Block):
    def forward(self, x: Tensor, future: Tensor) -> Tensor:
        x = x + self.attn(self.norm2(x), future)
        y: Tensor = x + self.mlp(self.norm1(x))
        return y


def test_calls_that_are_reordered_at_no_cost(gpt: Footprint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_gpt, "Block", NormsSwapped)

    said = failure(gpt, GPTTrainer)

    assert said.headline == (
        "modules run in another order than in the baseline:"
        " GPT.blocks.{0..3}.norm2 now run first, not after attn.out, in forward, and 2 more"
    )
    assert said.rows("GPT.blocks.{0..3}.norm1 moved in forward and recomputation (4 modules)")


class PoolFirst(Stage):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.relu(self.pool(self.norm(self.conv(x))))
        return y


def test_a_pool_that_moved_before_the_relu(cnn: Footprint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_cnn, "Stage", PoolFirst)

    said = failure(cnn, CNNTrainer)

    assert said.headline == (
        "memory differs from its baseline: cpu saved for backward +16 KiB (+2.8 %): "
        "CNN.stages.{0..1}.pool now run after norm, not after relu, in forward"
    )
    assert "+128 KiB saved by CNN.stages.0.pool: float32[8, 16, 16, 16] from aten.native_batch_norm" in said.paragraph


class BiasedStage(Stage):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__(channels, width)
        self.conv = nn.Conv2d(channels, width, 3, padding=1)


def test_biases_that_the_norm_makes_useless(cnn: Footprint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_cnn, "Stage", BiasedStage)

    said = failure(cnn, CNNTrainer)

    assert said.headline == (
        "memory differs from its baseline: cpu end of step +576 B (+0.76 %): CNN.stages.{0..1}.conv.bias "
        "is new: float32[16], float32[32]"
    )
    assert said.rows("structure:")
