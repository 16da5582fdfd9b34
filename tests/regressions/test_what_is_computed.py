"""Steps that compute otherwise: dtypes, checkpoints, masks, frozen layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import small_cnn
import small_gpt
import torch
from regressions import failure, stored
from small_cnn import CNNTrainer, Stage
from small_gpt import BATCH, GPT, HEADS, MLP, Attention, GPTTrainer
from torch import Tensor, nn

from pytest_footprint.model.footprint import Footprint

HERE = "test_what_is_computed.py:"


@pytest.fixture(scope="module")
def gpt() -> Footprint:
    return stored(GPTTrainer)


@pytest.fixture(scope="module")
def cnn() -> Footprint:
    return stored(CNNTrainer)


@pytest.fixture
def until_the_end() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class Float32MLP(MLP):
    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


def test_a_block_that_computes_in_float32(gpt: Footprint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_gpt, "MLP", Float32MLP)

    said = failure(gpt, GPTTrainer)

    assert said.headline == (
        "memory differs from its baseline: cpu peak +160.25 KiB (+4.3 %): tensors of GPT.blocks.0.mlp "
        "(GPT.blocks.{0..3} alike?) are float32, not bfloat16"
    )
    assert "made in GPT.blocks.0.mlp: float32[4, 32, 256] from aten.gelu_backward" in said.paragraph
    assert said.rows("float32[128, 256], was bfloat16 addmm")


def test_autocast_that_is_lost(gpt: Footprint) -> None:
    class Trainer(GPTTrainer):
        def logits(self, tokens: Tensor) -> Tensor:
            logits: Tensor = self.model(tokens)
            return logits

    said = failure(gpt, Trainer)

    assert said.headline == (
        "memory differs from its baseline: cpu peak +240.25 KiB (+6.4 %): tensors of GPT.blocks.0 "
        "(GPT.blocks.{0..3} alike?) are float32, not bfloat16"
    )


def test_autocast_that_still_holds_its_weights_during_backward(gpt: Footprint) -> None:
    class Trainer(GPTTrainer):
        def step(self) -> None:
            with torch.autocast("cpu", torch.bfloat16):
                super().step()

    said = failure(gpt, Trainer)

    assert said.headline == (
        "memory differs from its baseline: cpu peak +340.75 KiB (+9.1 %): bfloat16 copies of parameters "
        "of GPT.blocks.{0..3} are alive at the peak (cached by autocast?)"
    )
    assert "made in GPT.blocks.{1..3}.mlp.down: 3 x bfloat16[64, 256] from aten._to_copy at " in said.paragraph


def test_autocast_that_is_never_left_and_keeps_its_weights(gpt: Footprint, until_the_end: ExitStack) -> None:
    class Trainer(GPTTrainer):
        def logits(self, tokens: Tensor) -> Tensor:
            until_the_end.enter_context(torch.autocast("cpu", torch.bfloat16))
            logits: Tensor = self.model(tokens)
            return logits.float()

    said = failure(gpt, Trainer)

    assert said.headline == (
        "memory differs from its baseline: cpu end of step +420.5 KiB (+17 %): bfloat16 copies of "
        "parameters of GPT.blocks.{0..3} are alive after the step (cached by autocast?)"
    )
    assert "GPT.blocks.{0..3}.mlp.down: 4 x bfloat16[64, 256]" in said.paragraph


class DoubleStage(Stage):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.relu(self.norm(self.conv(x)).double()))
        return y.float()


def test_stages_that_compute_in_float64(cnn: Footprint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_cnn, "Stage", DoubleStage)

    said = failure(cnn, CNNTrainer)

    assert said.headline == (
        "memory differs from its baseline: cpu peak +320 KiB (+43 %): float64 tensors in "
        "CNN.stages.{0..1}, of which the baseline has none"
    )
    assert "+256 KiB made in CNN.stages.0: float64[8, 16, 16, 16] from aten._to_copy" in said.paragraph
    assert HERE in said.paragraph


def test_a_checkpoint_that_is_lost_on_one_layer(gpt: Footprint, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpointed = GPT.call

    def call(self: GPT, layer: int, block: nn.Module, x: Tensor) -> Tensor:
        y: Tensor = block(x, self.future) if layer == 2 else checkpointed(self, layer, block, x)
        return y

    monkeypatch.setattr(GPT, "call", call)

    said = failure(gpt, GPTTrainer)

    assert said.headline == (
        "memory differs from its baseline: cpu saved for backward +381.06 KiB (+107 %):"
        " GPT.blocks.2 is no longer recomputed (9 modules)"
    )
    assert "in GPT.blocks.2, the largest part saved by GPT.blocks.2.mlp: bfloat16[4, 32, 256]" in said.paragraph


def test_checkpoints_that_are_lost_everywhere(gpt: Footprint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GPT, "call", lambda self, _, block, x: block(x, self.future))

    said = failure(gpt, GPTTrainer)

    assert said.headline == (
        "memory differs from its baseline: cpu peak +919.81 KiB (+24 %):"
        " GPT.blocks.{0..3} are no longer recomputed (36 modules)"
    )
    assert said.rows("saved for backward") == ["saved for backward cpu total 357.75 KiB 1.84 MiB +1.49 MiB +426 %"]


class WideMaskAttention(Attention):
    def forward(self, x: Tensor, future: Tensor) -> Tensor:
        return super().forward(x, future.repeat(BATCH, HEADS, 1, 1))


def test_a_mask_that_is_materialised_for_every_head(gpt: Footprint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_gpt, "Attention", WideMaskAttention)

    said = failure(gpt, GPTTrainer)

    assert said.headline == (
        "memory differs from its baseline: cpu peak +16 KiB (+0.43 %): activations made in "
        "GPT.blocks.0.attn (GPT.blocks.{0..3} alike?): bool[4, 4, 32, 32] from repeat"
    )
    assert "bool[4, 4, 32, 32] from aten.repeat at " in said.paragraph
    assert HERE in said.paragraph


def test_embeddings_that_are_no_longer_frozen(gpt: Footprint) -> None:
    class Trainer(GPTTrainer):
        def __init__(self) -> None:
            super().__init__()
            self.optimizer = torch.optim.AdamW(self.model.requires_grad_().parameters(), lr=1e-3)

    said = failure(gpt, Trainer)

    assert said.headline == (
        "memory differs from its baseline: cpu peak +16.25 KiB (+0.43 %): GPT.positions is trained now: "
        "in the baseline backward did not reach it (frozen?)"
    )
    assert "optimizer states +16 KiB (+0.95 %), of GPT: 3 x float32" in said.paragraph


def test_a_convolution_that_is_no_longer_frozen(cnn: Footprint) -> None:
    class Trainer(CNNTrainer):
        def __init__(self) -> None:
            super().__init__()
            self.model.stem.requires_grad_()

    said = failure(cnn, Trainer)

    assert said.headline == (
        "memory differs from its baseline: cpu peak +24.88 KiB (+3.3 %): CNN.stem is trained now: in the "
        "baseline backward did not reach it (frozen?)"
    )
    assert "activations +24 KiB (+4.4 %), made in CNN: float32[8, 3, 16, 16] from aten.sub at " in said.paragraph


class CopyingStage(Stage):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__(channels, width)
        self.relu = nn.ReLU()


def test_an_activation_that_is_no_longer_in_place(cnn: Footprint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_cnn, "Stage", CopyingStage)

    said = failure(cnn, CNNTrainer)

    assert said.headline == (
        "what is saved for backward is not what the baseline says: CNN.stages.{0..1}.relu save what relu "
        "made, not what native_batch_norm made (no longer in place?)"
    )
