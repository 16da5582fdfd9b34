"""Programs that people really run, small: each factory sets one up and returns one step of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it
from torch import nn
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

Step = Callable[[], object]
WORKLOADS: dict[str, Callable[[], Step]] = {}


def workload(factory: Callable[[], Step]) -> Callable[[], Step]:
    """Register a factory under its name."""
    WORKLOADS[factory.__name__] = factory
    return factory


def _mlp(width: int = 256, depth: int = 4) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def _train(model: nn.Module, optimizer: torch.optim.Optimizer, *inputs: torch.Tensor, target: torch.Tensor) -> Step:
    def step() -> None:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(*inputs), target)
        loss.backward()
        optimizer.step()

    return step


def _mlp_with(make: Callable[..., torch.optim.Optimizer], **options: Any) -> Step:
    model = _mlp()
    return _train(model, make(model.parameters(), **options), torch.randn(128, 256), target=torch.randint(10, (128,)))


@workload
def mlp_sgd() -> Step:
    return _mlp_with(torch.optim.SGD, lr=0.1)


@workload
def mlp_sgd_momentum_foreach() -> Step:
    return _mlp_with(torch.optim.SGD, lr=0.1, momentum=0.9, foreach=True)


@workload
def mlp_adam_for_loop() -> Step:
    return _mlp_with(torch.optim.Adam, foreach=False)


@workload
def mlp_adam_foreach() -> Step:
    return _mlp_with(torch.optim.Adam, foreach=True)


@workload
def mlp_adamw_fused() -> Step:
    return _mlp_with(torch.optim.AdamW, fused=True)


@workload
def mlp_adafactor() -> Step:
    return _mlp_with(torch.optim.Adafactor)


@workload
def mlp_lbfgs() -> Step:
    model, x, y = _mlp(128, 2), torch.randn(64, 128), torch.randint(10, (64,))
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    return lambda: optimizer.step(closure)


class Block(nn.Module):
    """A transformer block with scaled dot product attention."""

    def __init__(self, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(attended.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Language(nn.Module):
    """A small language model."""

    def __init__(self, blocks: int = 3, run: Callable[..., torch.Tensor] | None = None) -> None:
        super().__init__()
        self.embed = nn.Embedding(100, 64)
        self.blocks = nn.ModuleList(Block() for _ in range(blocks))
        self.head = nn.Linear(64, 100)
        self.run = run or (lambda block, x: block(x))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens)
        for block in self.blocks:
            x = self.run(block, x)
        return self.head(x).flatten(0, 1)


def _language(run: Callable[..., torch.Tensor] | None = None) -> Step:
    model, tokens = Language(run=run), torch.randint(100, (32, 128))
    return _train(model, torch.optim.AdamW(model.parameters()), tokens, target=tokens.flatten())


@workload
def transformer_sdpa() -> Step:
    return _language()


@workload
def transformer_checkpointed() -> Step:
    return _language(lambda block, x: checkpoint(block, x, use_reentrant=False))


@workload
def transformer_checkpointed_reentrant() -> Step:
    return _language(lambda block, x: checkpoint(block, x, use_reentrant=True))


@workload
def transformer_checkpointed_nested() -> Step:
    def inner(block: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return checkpoint(block, x, use_reentrant=False)

    return _language(lambda block, x: checkpoint(inner, block, x, use_reentrant=False))


@workload
def transformer_checkpointed_selectively() -> Step:
    def policy(context: Any, op: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
        saves = op is torch.ops.aten.addmm.default
        return CheckpointPolicy.MUST_SAVE if saves else CheckpointPolicy.PREFER_RECOMPUTE

    def contexts() -> Any:
        return create_selective_checkpoint_contexts(policy)

    return _language(lambda block, x: checkpoint(block, x, use_reentrant=False, context_fn=contexts))


@workload
def transformer_autocast_bf16() -> Step:
    model, tokens = Language(), torch.randint(100, (4, 64))
    optimizer = torch.optim.AdamW(model.parameters())

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = F.cross_entropy(model(tokens).float(), tokens.flatten())
        loss.backward()
        optimizer.step()

    return step


@workload
def multihead_attention() -> Step:
    attention, head = nn.MultiheadAttention(64, 4, batch_first=True), nn.Linear(64, 10)
    x, y = torch.randn(8, 32, 64), torch.randint(10, (8,))
    optimizer = torch.optim.SGD([*attention.parameters(), *head.parameters()], lr=0.1)

    def step() -> None:
        optimizer.zero_grad()
        out, _ = attention(x, x, x, need_weights=True)
        F.cross_entropy(head(out[:, 0]), y).backward()
        optimizer.step()

    return step


@workload
def transformer_encoder_dropout() -> Step:
    layer = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.1, batch_first=True)
    model = nn.Sequential(
        nn.TransformerEncoder(layer, 3, enable_nested_tensor=False), nn.Flatten(), nn.Linear(2048, 10)
    )
    return _train(model, torch.optim.AdamW(model.parameters()), torch.randn(8, 32, 64), target=torch.randint(10, (8,)))


@workload
def conv_batch_norm() -> Step:
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip
    return _train(
        model, torch.optim.SGD(model.parameters(), 0.1), torch.randn(8, 3, 32, 32), target=torch.randint(10, (8,))
    )


class UNet(nn.Module):
    """One level down and up, with a skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.SiLU())
        self.deep = nn.Sequential(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.SiLU(), nn.Conv2d(32, 16, 1))
        self.up = nn.Conv2d(32, 10, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skip = self.down(x)
        deep = F.interpolate(self.deep(skip), scale_factor=2, mode="bilinear")
        return self.up(torch.cat([skip, deep], 1)).mean((2, 3))


@workload
def unet() -> Step:
    model = UNet()
    return _train(
        model, torch.optim.AdamW(model.parameters()), torch.randn(4, 3, 32, 32), target=torch.randint(10, (4,))
    )


class Recurrent(nn.Module):
    """A recurrent network read at its last step."""

    def __init__(self, cell: nn.Module, width: int) -> None:
        super().__init__()
        self.cell, self.head = cell, nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.cell(x)[0][:, -1])


@workload
def lstm() -> Step:
    model = Recurrent(nn.LSTM(32, 64, 2, batch_first=True), 64)
    return _train(model, torch.optim.Adam(model.parameters()), torch.randn(8, 16, 32), target=torch.randint(10, (8,)))


@workload
def gru_bidirectional() -> Step:
    model = Recurrent(nn.GRU(32, 64, batch_first=True, bidirectional=True), 128)
    return _train(model, torch.optim.Adam(model.parameters()), torch.randn(8, 16, 32), target=torch.randint(10, (8,)))


@workload
def embedding_dense() -> Step:
    model = nn.Sequential(nn.Embedding(1000, 64), nn.Flatten(), nn.Linear(512, 10))
    tokens = torch.randint(1000, (32, 8))
    return _train(model, torch.optim.SGD(model.parameters(), 0.1), tokens, target=torch.randint(10, (32,)))


@workload
def embedding_sparse() -> Step:
    embed, head = nn.Embedding(1000, 64, sparse=True), nn.Linear(512, 10)
    tokens, y = torch.randint(1000, (32, 8)), torch.randint(10, (32,))
    sparse, dense = torch.optim.SparseAdam(embed.parameters()), torch.optim.Adam(head.parameters())

    def step() -> None:
        sparse.zero_grad()
        dense.zero_grad()
        F.cross_entropy(head(embed(tokens).flatten(1)), y).backward()
        sparse.step()
        dense.step()

    return step


@workload
def gradient_accumulation() -> Step:
    model = _mlp()
    optimizer = torch.optim.AdamW(model.parameters())
    batches = [(torch.randn(32, 256), torch.randint(10, (32,))) for _ in range(4)]

    def step() -> None:
        optimizer.zero_grad()
        for x, y in batches:
            F.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


@workload
def gan() -> Step:
    maker, judge = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 32)), nn.Linear(32, 1)
    make, tell = torch.optim.Adam(maker.parameters()), torch.optim.Adam(judge.parameters())
    real, noise = torch.randn(64, 32), torch.randn(64, 16)

    def step() -> None:
        tell.zero_grad()
        fake = maker(noise)
        (judge(fake.detach()).mean() - judge(real).mean()).backward()
        tell.step()
        make.zero_grad()
        (-judge(fake).mean()).backward()
        make.step()

    return step


@workload
def gradient_penalty() -> Step:
    judge, x = _mlp(64, 2), torch.randn(32, 64, requires_grad=True)
    optimizer = torch.optim.Adam(judge.parameters())

    def step() -> None:
        optimizer.zero_grad()
        out = judge(x).sum()
        (slope,) = torch.autograd.grad(out, x, create_graph=True)
        (out + slope.norm(2, 1).sub(1).pow(2).mean()).backward()
        optimizer.step()

    return step


@workload
def double_backward() -> Step:
    model, x = nn.Sequential(nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1)), torch.randn(16, 32)

    def step() -> None:
        grads = torch.autograd.grad(model(x).sum(), list(model.parameters()), create_graph=True)
        sum(grad.pow(2).sum() for grad in grads).backward()  # type: ignore[union-attr]

    return step


class LoRA(nn.Module):
    """A frozen linear layer with a trained low-rank update."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.frozen = nn.Linear(width, width).requires_grad_(False)
        self.a, self.b = nn.Linear(width, 4, bias=False), nn.Linear(4, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.frozen(x) + self.b(self.a(x))


@workload
def lora() -> Step:
    model = nn.Sequential(LoRA(128), nn.ReLU(), LoRA(128))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return _train(model, torch.optim.AdamW(trained), torch.randn(64, 128), target=torch.randint(128, (64,)))


@workload
def inference_no_grad() -> Step:
    model, x = _mlp().eval(), torch.randn(256, 256)

    def step() -> torch.Tensor:
        with torch.no_grad():
            return model(x)

    return step


@workload
def inference_mode() -> Step:
    model, tokens = Language().eval(), torch.randint(100, (4, 64))

    def step() -> torch.Tensor:
        with torch.inference_mode():
            return model(tokens)

    return step


@workload
def linear_algebra_sort_fft() -> Step:
    x = torch.randn(64, 64)

    def step() -> None:
        torch.linalg.solve(x @ x.T + torch.eye(64), x)
        torch.linalg.svd(x)
        x.sort()
        x.unique()
        torch.fft.rfft2(x).abs().sum()
        torch.cdist(x, x).topk(3)

    return step


@workload
def layer_norm_gelu() -> Step:
    model = nn.Sequential(*[nn.Sequential(nn.LayerNorm(64), nn.GELU(), nn.Linear(64, 64)) for _ in range(6)])
    return _train(model, torch.optim.SGD(model.parameters(), 0.1), torch.randn(64, 64), target=torch.randint(64, (64,)))
