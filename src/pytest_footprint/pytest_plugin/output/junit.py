"""Peak and end of a test among its JUnit properties (ini ``mem_junit``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from pytest_footprint.model.footprint import Footprint

_PREFIX = "footprint."


def set_properties(item: pytest.Item, footprint: Footprint) -> None:
    """Give ``item`` the properties ``footprint.peak.cpu`` and ``footprint.end.cpu``, in bytes, for each device.

    What an earlier run of a test that is rerun left is replaced.
    """
    others = [each for each in item.user_properties if not each[0].startswith(_PREFIX)]
    moments = (("peak", footprint.peak), ("end", footprint.end))
    ours = [
        (f"{_PREFIX}{name}.{device}", int(usage.total)) for name, moment in moments for device, usage in moment.items()
    ]
    item.user_properties[:] = [*others, *ours]
