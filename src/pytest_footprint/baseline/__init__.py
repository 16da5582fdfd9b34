"""Baselines: values as stable text, where the files lie, reading and writing them."""

from pytest_footprint.baseline.decode import decode
from pytest_footprint.baseline.encode import encode
from pytest_footprint.baseline.errors import (
    BaselineDeleteError,
    BaselineError,
    BaselineFormatError,
    BaselineWriteError,
)
from pytest_footprint.baseline.folders import delete
from pytest_footprint.baseline.paths import FOLDER, baseline_path, other_devices
from pytest_footprint.baseline.store import read, write_atomically

__all__ = [
    "FOLDER",
    "BaselineDeleteError",
    "BaselineError",
    "BaselineFormatError",
    "BaselineWriteError",
    "baseline_path",
    "decode",
    "delete",
    "encode",
    "other_devices",
    "read",
    "write_atomically",
]
