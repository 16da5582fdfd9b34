"""How the peak of one footprint went over the commits."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_footprint.model.byte_size import ByteSize


@dataclass(frozen=True, slots=True)
class PeakAt:
    """The peak of one run."""

    commit: str
    time: str
    """ISO 8601, UTC."""
    peak: ByteSize


@dataclass(frozen=True, slots=True)
class PeakHistory:
    """The peaks of one footprint on one device, oldest first."""

    test: str
    footprint: str
    """Its name in the test."""
    device: str
    peaks: tuple[PeakAt, ...]

    @property
    def turns(self) -> tuple[PeakAt, ...]:
        """The first run, and each run whose peak is not that of the run before."""
        before = (None, *self.peaks[:-1])
        return tuple(now for was, now in zip(before, self.peaks, strict=True) if was is None or was.peak != now.peak)
