"""A CNN and its training step as they should be; tests of regressions replace single pieces."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

BATCH, SIZE, CLASSES = 8, 16, 10
WIDTHS = (8, 16, 32)


class Stage(nn.Module):
    """Convolution, norm and ReLU, then half the resolution: [batch, channels, size, size]."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.relu(self.norm(self.conv(x))))
        return y


class CNN(nn.Module):
    """A frozen stem, stages, and a linear head: float32 [batch, 3, size, size] -> [batch, classes]."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((3, 1, 1), 0.5))
        self.stem = nn.Conv2d(3, WIDTHS[0], 3, padding=1).requires_grad_(requires_grad=False)
        self.stages = nn.Sequential(*(Stage(*pair) for pair in pairwise(WIDTHS)))
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(WIDTHS[-1], CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stages(self.stem(images - self.mean))
        scores: Tensor = self.head(self.dropout(x.mean((2, 3))))
        return scores


class CNNTrainer:
    """SGD with momentum."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = CNN()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)

    def step(self) -> None:
        """Learn from one batch."""
        images, classes = torch.rand(BATCH, 3, SIZE, SIZE), torch.randint(CLASSES, (BATCH,))
        self.optimizer.zero_grad()
        loss = self.loss(self.model(images), classes)
        torch.autograd.backward(loss)
        self.optimizer.step()

    def loss(self, scores: Tensor, classes: Tensor) -> Tensor:
        """Cross entropy."""
        return cross_entropy(scores, classes)
