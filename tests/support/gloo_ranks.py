"""What each of several real processes does, and how they come to be."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import torch
import torch.distributed as dist
from allocator import measure
from sharded import Net, Training, shard
from torch.distributed.device_mesh import init_device_mesh

from pytest_footprint.tracking import MemTracker


def sharded_training(folder: Path, ranks: int, tries: int) -> list[list[dict[str, int]]]:
    """For each rank and try what the allocator said of a training step, and what was tracked."""
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_rank, args=(rank, ranks, str(folder), tries)) for rank in range(ranks)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [json.loads((folder / str(rank)).read_text()) for rank in range(ranks)]


def _rank(rank: int, ranks: int, folder: str, tries: int) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=ranks)
    try:
        found = [_compared(ranks) for _ in range(tries)]
    finally:
        dist.destroy_process_group()
    (Path(folder) / str(rank)).write_text(json.dumps(found))


def training_on(ranks: int) -> Training:
    """A sharded model that has trained for a step, the same on each rank."""
    torch.manual_seed(0)
    made = Training(shard(Net(), init_device_mesh("cpu", (ranks,))))
    made.step()
    return made


def _compared(ranks: int) -> dict[str, int]:
    truth = measure(training_on(ranks).step)
    footprint = MemTracker().run(training_on(ranks).step)
    return {
        "true peak": truth.peak_at_operator_ends,
        "peak": footprint.peak.total - footprint.start.total,
        "true end": truth.end,
        "end": footprint.end.total - footprint.start.total,
        "unsharded": footprint.peak.unsharded_parameters,
        "max_unsharded": footprint.max_unsharded,
    }
