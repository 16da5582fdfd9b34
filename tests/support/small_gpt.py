"""A GPT and its training step as they should be; tests of regressions replace single pieces."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu
from torch.utils.checkpoint import checkpoint

BATCH, TIME, WIDTH, HEADS, LAYERS, VOCABULARY = 4, 32, 64, 4, 4, 256


class Attention(nn.Module):
    """Masked self-attention, [batch, time, width] -> the same."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, future: Tensor) -> Tensor:
        batch, time, width = x.shape
        q, k, v = self.qkv(x).view(batch, time, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) / math.sqrt(width / HEADS)
        mixed = scores.masked_fill(future, -math.inf).softmax(-1) @ v
        y: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, time, width))
        return y


class MLP(nn.Module):
    """Two linear layers with a GELU between, [..., width] -> the same."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(gelu(self.up(x)))
        return y


class Block(nn.Module):
    """Attention and MLP, each behind a norm and beside a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(WIDTH), Attention()
        self.norm2, self.mlp = nn.LayerNorm(WIDTH), MLP()

    def forward(self, x: Tensor, future: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x), future)
        y: Tensor = x + self.mlp(self.norm2(x))
        return y


class GPT(nn.Module):
    """Checkpointed blocks, tied embeddings, frozen positions and one mask for all layers.

    int64 [batch, time] -> [batch, time, vocabulary].
    """

    future: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(TIME, WIDTH)
        self.positions.requires_grad_(requires_grad=False)
        self.register_buffer("future", torch.ones(TIME, TIME, dtype=torch.bool).triu(1))
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.positions(torch.arange(TIME))
        for layer, block in enumerate(self.blocks):
            x = self.call(layer, block, x)
        logits: Tensor = self.head(self.norm(x))
        return logits

    def call(self, layer: int, block: nn.Module, x: Tensor) -> Tensor:
        """Run one block, keeping nothing of its insides for backward."""
        y: Tensor = checkpoint(block, x, self.future, use_reentrant=False)
        return y


class GPTTrainer:
    """Mixed precision, AdamW and gradient clipping; gradients are dropped when a step is over."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = GPT()
        self.optimizer = torch.optim.AdamW([p for p in self.model.parameters() if p.requires_grad], lr=1e-3)

    def step(self) -> None:
        """Learn from one batch."""
        self.backward(self.loss(torch.randint(VOCABULARY, (BATCH, TIME + 1))))
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.update()

    def loss(self, batch: Tensor) -> Tensor:
        """Cross entropy of the next token."""
        logits = self.logits(batch[:, :-1])
        return cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())

    def logits(self, tokens: Tensor) -> Tensor:
        """Scores in float32."""
        with torch.autocast("cpu", torch.bfloat16):
            logits: Tensor = self.model(tokens)
        return logits.float()

    def backward(self, loss: Tensor) -> None:
        """Give the parameters their gradients."""
        torch.autograd.backward(loss)

    def update(self) -> None:
        """Move the parameters and drop the gradients."""
        self.optimizer.step()
        self.optimizer.zero_grad()
