from __future__ import annotations

import copy
import pickle

import pytest

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.usage import USAGE_FIELDS, DeviceUsage, Usage


def test_the_total_is_the_sum_over_all_reference_types() -> None:
    usage = Usage.of({kind: 2**place for place, kind in enumerate(RefType)})

    assert usage.total == 2 ** len(RefType) - 1
    assert isinstance(usage.total, ByteSize)


def test_every_reference_type_is_a_field_that_an_assertion_may_name() -> None:
    usage = Usage.of({RefType.ALL_GATHER: 7})

    assert ("total", *RefType) == USAGE_FIELDS
    assert [usage[name] for name in USAGE_FIELDS] == [
        7 if name in {"total", "all_gather"} else 0 for name in USAGE_FIELDS
    ]


def test_items_are_the_types_that_hold_something_in_declared_order() -> None:
    usage = Usage(other=ByteSize(1), gradients=ByteSize(-2))

    assert list(usage.items()) == [(RefType.GRADIENT, -2), (RefType.OTHER, 1)]


def test_the_numbers_of_the_only_device_are_read_directly() -> None:
    usage = DeviceUsage({"cpu": Usage(activations=ByteSize(3))})

    assert usage.activations == usage["cpu"].activations == usage.total == 3


def test_without_devices_everything_is_zero() -> None:
    assert DeviceUsage({}).total == 0


def test_with_several_devices_the_message_names_them() -> None:
    usage = DeviceUsage({"cpu": Usage(), "cuda:0": Usage()})

    with pytest.raises(AttributeError, match=r"there are 2 devices, so name one: \['cpu'\].total, \['cuda:0'\].total"):
        _ = usage.total


def test_an_unknown_attribute_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'DeviceUsage' object has no attribute 'activation'"):
        _ = DeviceUsage({"cpu": Usage()}).activation


@pytest.mark.parametrize("devices", [[], ["cpu"], ["cpu", "cuda:0"]])
def test_usage_survives_pickling_and_copying(devices: list[str]) -> None:
    usage = DeviceUsage({device: Usage(inputs=ByteSize(1)) for device in devices})

    assert pickle.loads(pickle.dumps(usage)) == usage  # noqa: S301 - our own bytes
    assert copy.copy(usage) == copy.deepcopy(usage) == usage


def test_a_device_that_was_not_seen_is_answered_with_those_that_were() -> None:
    peak = DeviceUsage({"cpu": Usage()})

    with pytest.raises(KeyError, match=r"nothing was recorded on 'cuda'; devices: cpu"):
        peak["cuda"]
    assert peak.get("cuda") is None


def test_its_repr_shows_what_is_held_alone() -> None:
    usage = Usage(parameters=ByteSize(4096), gradients=ByteSize(-3))

    assert repr(usage) == "Usage(parameters=4096 (4 KiB), gradients=-3)"
    assert repr(Usage()) == "Usage()"
    assert repr(DeviceUsage({"cpu": usage})) == f"DeviceUsage({{'cpu': {usage!r}}})"
