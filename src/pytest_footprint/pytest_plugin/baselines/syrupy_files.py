"""What syrupy is told about the files of baselines: where they lie, and nothing that it could judge or delete."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from syrupy.data import SnapshotCollection, SnapshotCollections
from syrupy.extensions.base import AbstractSyrupyExtension
from syrupy.location import PyTestLocation

if TYPE_CHECKING:
    from syrupy.types import SerializedData, SnapshotIndex


class BaselineLocation(PyTestLocation):
    """The test of a check. Its files lie outside ``__snapshots__``, so syrupy need not relate them to it."""

    def matches_snapshot_location(self, snapshot_location: str) -> bool:
        """Take every file for one of this test, so that syrupy does not warn."""
        return True

    def matches_snapshot_name(self, snapshot_name: str) -> bool:
        """Take every name for one of this test, so that syrupy does not warn."""
        return True


class BaselineExtension(AbstractSyrupyExtension):
    """Files named by their full path: the ``index`` of a check is the path of its baseline."""

    file_extension = "toml"

    def serialize(self, data: str, **_: object) -> str:
        """Keep the text: `MemBaseline` has encoded the value."""
        return data

    @classmethod
    def get_location(cls, *, index: SnapshotIndex, **_: object) -> str:
        """Path of the file."""
        return str(index)

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0, **_: object) -> str:
        """What syrupy's report calls it."""
        return f"{test_location.snapshot_name} {Path(str(index)).name}"

    def discover_snapshots(self, **_: object) -> SnapshotCollections:
        """Find nothing: what is not discovered is never called unused, nor deleted."""
        return SnapshotCollections()

    def read_snapshot_collection(self, *, snapshot_location: str, **_: object) -> SnapshotCollection:
        """List nothing, as there is nothing to judge."""
        return SnapshotCollection(location=snapshot_location)

    def read_snapshot_data_from_location(self, *, snapshot_location: str, **_: object) -> SerializedData | None:
        """The stored text, damaged or not; ``None`` when there is no file or it cannot be opened."""
        try:
            return Path(snapshot_location).read_text("utf-8", errors="replace")
        except OSError:
            return None

    @classmethod
    def write_snapshot(cls, **_: object) -> None:
        """Do nothing: `MemBaseline` writes.

        Before 6.0 syrupy does so when the run is over, too late for a full disk to fail the test.
        """

    @classmethod
    def write_snapshot_collection(cls, **_: object) -> None:
        """Do nothing, as `write_snapshot`."""

    def delete_snapshots(self, **_: object) -> None:
        """Delete nothing: a baseline is its owner's to remove."""
