from __future__ import annotations

import pytest

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.usage import DeviceUsage, Usage
from pytest_footprint.pytest_plugin.limit import Limit, LimitError

PEAK = DeviceUsage(
    {
        "cpu": Usage(activations=ByteSize(100), parameters=ByteSize(50)),
        "cuda:0": Usage(activations=ByteSize(10)),
        "cuda:1": Usage(activations=ByteSize(400)),
    }
)


def read(*args: object, **kwargs: object) -> Limit:
    mark: pytest.Mark = pytest.mark.max_peak_memory(*args, **kwargs).mark
    return Limit.from_mark(mark)


@pytest.mark.parametrize(("size", "nbytes"), [("2GiB", 2 * 2**30), ("500 MB", 500 * 10**6), (1024, 1024)])
def test_sizes_are_binary_decimal_or_plain_bytes(size: object, nbytes: int) -> None:
    assert read(size) == Limit(ByteSize(nbytes), of="total", device=None)


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [
        pytest.param(("2GiBB",), {}, "'2GiBB' is not a byte size", id="unit"),
        pytest.param(("2 GBfoo",), {}, "'2 GBfoo' is not a byte size", id="tail"),
        pytest.param((-1,), {}, "-1 is not a byte size", id="negative"),
        pytest.param((True,), {}, "True is not a byte size", id="bool"),
        pytest.param((), {}, "it takes one size, and the rest by keyword; sizes given: none", id="nothing"),
        pytest.param(("1KiB", "cpu"), {}, "sizes given: '1KiB', 'cpu'", id="two"),
        pytest.param(("1KiB",), {"off": "total"}, "it has no keyword 'off'; keywords: of, device", id="keyword"),
        pytest.param(("1KiB",), {"of": "activation"}, "of='activation' is not one of total, parameters, ", id="of"),
        pytest.param(("1KiB",), {"device": "cdua"}, "device='cdua' is not a device", id="a mistyped device"),
        pytest.param(("1KiB",), {"of": ["total"]}, "of=['total'] is not one of total, ", id="unhashable of"),
        pytest.param(("1KiB",), {"device": "GPU 0"}, "device='GPU 0' is not a device; write", id="device"),
        pytest.param(("1KiB",), {"device": 0}, "device=0 is not a device; write", id="device number"),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_accepted(
    args: tuple[object, ...], kwargs: dict[str, object], problem: str
) -> None:
    with pytest.raises(LimitError) as raised:
        read(*args, **kwargs)

    assert problem in str(raised.value)


@pytest.mark.parametrize(("nbytes", "over"), [(400, []), (399, ["cuda:1"]), (149, ["cpu", "cuda:1"])])
def test_each_device_is_held_to_the_limit_alone(nbytes: int, over: list[str]) -> None:
    assert list(read(nbytes).breaches(PEAK)) == over


def test_a_device_and_a_reference_type_narrow_the_limit() -> None:
    assert list(read(99, of="activations").breaches(PEAK)) == ["cpu", "cuda:1"]
    assert list(read(99, of="activations", device="cpu").breaches(PEAK)) == ["cpu"]
    assert list(read(1, device="cuda:0").breaches(PEAK)) == ["cuda:0"]
    assert list(read(1, device="cuda").breaches(PEAK)) == ["cuda:0", "cuda:1"]
    assert not list(read(1, device="mps").breaches(PEAK))


def test_a_limit_reads_as_its_user_would_say_it() -> None:
    assert str(read("2GiB")) == "2 GiB"
    assert str(read("1 KiB", of="gradients", device="cuda:1")) == "1 KiB of gradients on cuda:1"
