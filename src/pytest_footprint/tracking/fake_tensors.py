"""`FakeTensors`: FakeTensorMode for whole tests."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any, Self

from torch._subclasses.fake_tensor import FakeTensorMode

_MESH_FILES = ("distributed/device_mesh.py", "distributed/_mesh_layout.py")
_NEAR = 12
"""Frames between an operator and the function of a mesh that calls it: those of modes, and of ``with torch.device``."""


class FakeTensors(FakeTensorMode):
    """FakeTensorMode, in which device meshes can be made, sliced and flattened.

    A mesh computes its layout with tensors of ranks and reads their values, which fake tensors do not have. What it
    computes for itself is done with real ones.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Not once more: the method of FakeTensorMode is wrapped already."""
        return False

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        if _called_by_a_mesh(sys._getframe(1)):
            return func(*args, **(kwargs or {}))
        return super().__torch_dispatch__(func, types, args, kwargs or {})

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Itself: ``copy.deepcopy`` of a fake parameter copies its mode too, and tensors of two modes cannot meet."""
        return self


def _called_by_a_mesh(frame: FrameType | None) -> bool:
    for _ in range(_NEAR):
        if frame is None:
            return False
        if frame.f_code.co_filename.endswith(_MESH_FILES):
            return True
        frame = frame.f_back
    return False
