"""What a process group changes outside itself, and does not put back when it is destroyed."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

from pytest_footprint.tracking.distributed.internals import (
    C10D,
    C10D_GLOBALS,
    DTENSOR_RANDOM,
    DTENSOR_RANDOM_GLOBAL,
    MESH_STACK,
    forget_meshes,
)


@contextmanager
def distributed_globals_restored() -> Generator[None]:
    """Put back globals of torch.distributed, the meshes that are entered, and how Python shows uncaught exceptions."""
    kept = [(C10D, name, getattr(C10D, name)) for name in C10D_GLOBALS]
    kept.append((DTENSOR_RANDOM, DTENSOR_RANDOM_GLOBAL, getattr(DTENSOR_RANDOM, DTENSOR_RANDOM_GLOBAL)))
    meshes, shows = list(MESH_STACK), sys.excepthook
    forget_meshes()
    try:
        yield
    finally:
        forget_meshes()
        sys.excepthook = shows
        MESH_STACK[:] = meshes
        for module, name, value in kept:
            setattr(module, name, value)
