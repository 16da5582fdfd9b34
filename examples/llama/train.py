"""Trains a Llama with FSDP2: each rank holds one part of every parameter. It knows nothing of its tests either."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from model import Llama, Shape
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.nn.functional import cross_entropy

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh

TIME = 4096


class Trainer:
    """A model whose parameters are spread over the ranks of ``mesh``, and its optimizer."""

    def __init__(self, shape: Shape, mesh: DeviceMesh) -> None:
        self.vocabulary = shape.vocabulary
        with torch.device("meta"):  # no rank ever holds the whole model
            self.model = Llama(shape)
        policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
        for part in (*self.model.layers, self.model):
            fully_shard(part, mesh=mesh, mp_policy=policy)
        self.model.to_empty(device=mesh.device_type)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=3e-4, fused=True)

    def step(self) -> None:
        """Learn from one batch."""
        tokens = torch.randint(self.vocabulary, (1, TIME + 1))
        logits = self.model(tokens[:, :-1])
        cross_entropy(logits.flatten(0, 1).float(), tokens[:, 1:].flatten()).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
