"""Trains the GPT on this repository's own documents. It knows nothing of its tests either."""

from __future__ import annotations

from pathlib import Path

import torch
from model import GPT
from torch.nn.functional import cross_entropy

BATCH, TIME = 4, 128


def documents() -> bytes:
    """All Markdown files at the top of the repository and in its docs."""
    root = Path(__file__).resolve().parents[2]
    return b"\n".join(path.read_bytes() for path in sorted([*root.glob("*.md"), *root.glob("docs/**/*.md")]))


class Trainer:
    """A model, its optimizer and the text it learns from."""

    def __init__(self) -> None:
        self.model, self.text = GPT(), documents()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        self.generator = torch.Generator().manual_seed(0)

    def batch(self) -> torch.Tensor:
        """Pieces of the text with one byte more than the model reads, int64 [batch, time + 1]."""
        starts = torch.randint(len(self.text) - TIME, (BATCH,), generator=self.generator)
        return torch.tensor([list(self.text[start : start + TIME + 1]) for start in starts])

    def step(self) -> float:
        """Learn from one batch; the loss in nats per byte."""
        batch = self.batch()
        self.optimizer.zero_grad()
        logits = self.model(batch[:, :-1])
        loss = cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()
