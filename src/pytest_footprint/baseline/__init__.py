"""Baselines: values as stable text, where the files lie, reading and writing them."""

from pytest_footprint.baseline.decode import decode
from pytest_footprint.baseline.encode import encode
from pytest_footprint.baseline.errors import BaselineError, BaselineFormatError, BaselineWriteError
from pytest_footprint.baseline.paths import FOLDER, baseline_path
from pytest_footprint.baseline.store import read, write_atomically

__all__ = [
    "FOLDER",
    "BaselineError",
    "BaselineFormatError",
    "BaselineWriteError",
    "baseline_path",
    "decode",
    "encode",
    "read",
    "write_atomically",
]
