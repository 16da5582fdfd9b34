"""Memory that should be gone: someone who reads only the message must know what is kept, from where, and how much."""

from __future__ import annotations

from copy import deepcopy

import pytest
import small_gpt
import torch
from regressions import failure, stored
from small_cnn import CNNTrainer
from small_gpt import MLP, GPTTrainer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu

from pytest_footprint.model.footprint import Footprint

HERE = "test_what_is_kept.py:"


@pytest.fixture(scope="module")
def gpt() -> Footprint:
    return stored(GPTTrainer)


@pytest.fixture(scope="module")
def cnn() -> Footprint:
    return stored(CNNTrainer)


class KeepsHidden(MLP):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(gelu(self.up(x)))
        y: Tensor = self.down(self.seen[-1])
        return y


def test_an_activation_that_a_module_keeps_in_a_list(gpt: Footprint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_gpt, "MLP", KeepsHidden)

    said = failure(gpt, GPTTrainer)

    assert said.headline == (
        "memory differs from its baseline: cpu end of step +5.27 MiB (+212 %), 1.76 MiB more with every "
        "step: tensors saved for backward are still alive after the step"
    )
    assert "made in GPT.blocks.{0..3}.mlp: 24 x bfloat16[4, 32, 256] from aten.gelu" in said.paragraph
    assert HERE in said.paragraph


def test_features_that_a_hook_keeps(cnn: Footprint) -> None:
    features = []

    class Trainer(CNNTrainer):
        def __init__(self) -> None:
            super().__init__()
            self.model.stages[1].register_forward_hook(lambda _stage, _args, output: features.append(output))

    said = failure(cnn, Trainer)

    assert said.headline == (
        "memory differs from its baseline: cpu peak +48 KiB (+6.4 %), 16 KiB more with every step: "
        "activations made in CNN.stages.1.pool: 3 x float32[8, 32, 4, 4] from max_pool2d_with_indices"
    )
    assert "3 x float32[8, 32, 4, 4] from aten.max_pool2d_with_indices at " in said.paragraph
    assert "small_cnn.py:" in said.paragraph


def test_losses_that_are_kept_with_their_history(gpt: Footprint) -> None:
    class Trainer(GPTTrainer):
        def __init__(self) -> None:
            super().__init__()
            self.losses: list[Tensor] = []

        def backward(self, loss: Tensor) -> None:
            super().backward(loss)
            self.losses.append(loss)

    said = failure(gpt, Trainer)

    assert (
        "cpu end of step +12 B (+0.00046 %), 4 B more with every step: activations made at small_gpt.py:"
        in said.headline
    )
    assert "3 x float32[] from aten.nll_loss_forward at " in said.paragraph
    assert said.rows("growth") == ["growth cpu total, all of it activations 0 B 4 B +4 B new"]


def test_a_metric_that_is_accumulated_with_its_history(gpt: Footprint) -> None:
    class Trainer(GPTTrainer):
        def __init__(self) -> None:
            super().__init__()
            self.entropy = torch.zeros(())

        def loss(self, batch: Tensor) -> Tensor:
            logits = self.logits(batch[:, :-1])
            log = logits.log_softmax(-1)
            self.entropy = self.entropy - (log.exp() * log).sum(-1).mean()
            return cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())

    said = failure(gpt, Trainer)

    assert f"cpu peak +768 KiB (+20 %), 256 KiB more with every step: activations made at {HERE}" in said.headline
    assert "3 x float32[4, 32, 256] from aten._log_softmax" in said.paragraph
    assert HERE in said.headline
    assert len(said.rows("3 x float32[4, 32, 256] exp")) == 1


def test_logits_that_are_not_freed_before_backward(gpt: Footprint) -> None:
    class Trainer(GPTTrainer):
        def loss(self, batch: Tensor) -> Tensor:
            self.scores = self.logits(batch[:, :-1])
            return cross_entropy(self.scores.flatten(0, 1), batch[:, 1:].flatten())

        def backward(self, loss: Tensor) -> None:
            super().backward(loss)
            del self.scores

    said = failure(gpt, Trainer)

    assert "cpu peak +128 KiB (+3.4 %): activations made at small_gpt.py:" in said.headline
    assert "small_gpt.py:" in said.headline
    assert "float32[4, 32, 256] from aten._to_copy" in said.paragraph
    assert "they are gone when the step is over" in said.paragraph
    assert not said.rows("end of step")


def test_a_graph_that_is_retained(gpt: Footprint) -> None:
    class Trainer(GPTTrainer):
        def backward(self, loss: Tensor) -> None:
            torch.autograd.backward(loss, retain_graph=True)
            self.latest = loss

    said = failure(gpt, Trainer)

    assert said.headline == (
        "memory differs from its baseline: cpu peak +679.61 KiB (+18 %): tensors saved for backward are "
        "still alive after the step"
    )
    assert (
        "357.76 KiB of what is alive at the end was saved for backward: a graph outlives its step, that of one"
        " step, and not more with every step (retain_graph, or a loss or output that is kept and was not detached)"
    ) in said.paragraph
    assert "made in GPT.blocks.{0..3}: 8 x float32[4, 32, 64] from aten.add" in said.paragraph


def test_optimizer_states_that_exist_twice(gpt: Footprint) -> None:
    class Trainer(GPTTrainer):
        def __init__(self) -> None:
            super().__init__()
            self.second = torch.optim.AdamW([p for p in self.model.parameters() if p.requires_grad], lr=1e-5)

        def update(self) -> None:
            self.second.step()
            super().update()

    said = failure(gpt, Trainer)

    assert said.headline == (
        "memory differs from its baseline: cpu peak +1.65 MiB (+45 %): optimizer states exist twice: 306 "
        "tensors, not 153 (a second optimizer?)"
    )
    assert "optimizer states +1.65 MiB (+100 %), of GPT: 153 x float32, made at " in said.paragraph
    assert HERE in said.paragraph


@pytest.mark.parametrize("forget", ["not called", "set_to_none=False"])
def test_gradients_that_are_not_freed(gpt: Footprint, forget: str) -> None:
    class Trainer(GPTTrainer):
        def update(self) -> None:
            self.optimizer.step()
            if forget != "not called":
                self.optimizer.zero_grad(set_to_none=False)

    said = failure(gpt, Trainer)

    assert said.headline == (
        "memory differs from its baseline: cpu end of step +845.5 KiB (+33 %): gradients are still there "
        "after the step (zero_grad?)"
    )
    assert "gradients +845.5 KiB (new)" in said.paragraph
    assert "GPT.blocks.{0..3}.mlp.down: 4 x float32[64, 256]" in said.paragraph


def test_gradients_that_live_through_the_forward(cnn: Footprint) -> None:
    class Trainer(CNNTrainer):
        def __init__(self) -> None:
            super().__init__()
            self.optimizer.zero_grad = lambda *_: None  # type: ignore[method-assign]

    said = failure(cnn, Trainer)

    assert said.headline == (
        "memory differs from its baseline: cpu peak +22.88 KiB (+3.1 %): gradients of the step before are"
        " still alive at the peak (zero_grad left out, or too late?)"
    )
    assert "float32[32, 16, 3, 3] from aten.convolution_backward" in said.paragraph


def test_a_flat_copy_of_all_gradients_as_in_buckets(gpt: Footprint) -> None:
    class Trainer(GPTTrainer):
        def update(self) -> None:
            self.bucket = torch.cat([p.grad.flatten() for p in self.model.parameters() if p.grad is not None])
            super().update()

    said = failure(gpt, Trainer)

    assert f"+35 %): flat tensors, each as large as all gradients (cat, {HERE}" in said.headline
    assert HERE in said.headline
    assert "+1.65 MiB made outside modules: 2 x float32[216448] from aten.cat" in said.paragraph
    assert said.rows("end of step") == [
        "end of step cpu total, all of it activations 2.49 MiB 3.31 MiB +845.5 KiB +33 %"
    ]


def test_an_average_of_the_weights_as_a_second_model(gpt: Footprint) -> None:
    class Trainer(GPTTrainer):
        def __init__(self) -> None:
            super().__init__()
            self.average: nn.Module = deepcopy(self.model)

    said = failure(gpt, Trainer)

    assert said.headline == (
        "memory differs from its baseline: cpu peak +854.5 KiB (+23 %):"
        " parameters exist twice: 104 tensors, not 52 (a copy of the model?)"
    )
    assert HERE in said.paragraph
    assert "as many as the model's own, in modules that do not run" in said.paragraph
    assert "parameters +853.5 KiB (+100 %), of modules that do not run: 52 x float32" in said.paragraph


def test_an_average_of_the_weights_in_a_dictionary(gpt: Footprint) -> None:
    class Trainer(GPTTrainer):
        def __init__(self) -> None:
            super().__init__()
            self.average = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}

    said = failure(gpt, Trainer)

    assert f"+24 %): copies of parameters (clone, {HERE}" in said.headline
    assert HERE in said.headline
    assert "mostly float32 from aten.clone" in said.paragraph
