"""Trains for a few steps and prints what the last one took: the tracker without pytest."""

from __future__ import annotations

from train import Trainer

from pytest_footprint import MemTracker
from pytest_footprint.report import footprint_text

STEPS = 4


def main() -> None:
    trainer = Trainer()
    losses: list[float] = []

    footprint = MemTracker().run(lambda: losses.append(trainer.step()), warmup=STEPS - 1)

    print("loss, nats per byte:", " ".join(f"{loss:.2f}" for loss in losses), end="\n\n")
    print(footprint_text(footprint))


if __name__ == "__main__":
    main()
