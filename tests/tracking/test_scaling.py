"""How memory grows with layers and tokens."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors
from pytest_footprint.model.usage import DeviceUsage, Usage
from pytest_footprint.tracking import MemTracker
from pytest_footprint.tracking.assertions.scaling import Scaling


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(32, 96)
        self.out = nn.Linear(32, 32)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.out((q @ k.transpose(-1, -2)).softmax(-1) @ v)


def _step(layers: int, tokens: int) -> None:
    nn.Sequential(*(_Attention() for _ in range(layers)))(torch.randn(2, tokens, 32)).sum().backward()


def _scaling(*nbytes: int) -> Scaling:
    """What is saved and the peak for n = 1, 2, 4 ..."""
    found = {}
    for at, size in enumerate(nbytes):
        row = SavedTensor("Net.3.fc", "aten.mm", (size,), "uint8", ByteSize(size), "cpu", "net.py:7")
        usage = DeviceUsage({"cpu": Usage(activations=ByteSize(size))})
        found[2**at] = Footprint(peak=usage, saved=SavedTensors((row,)), at_peak=SavedTensors((row,)).groups())
    return Scaling(found)


def test_what_is_saved_is_exactly_linear_in_layers() -> None:
    scaling = MemTracker().scaling(lambda n: _step(n, 16), n=[1, 2, 4])

    scaling.assert_linear()
    scaling.assert_linear(of="peak.parameters")
    assert scaling.sizes("peak.parameters")[1] * 4 == scaling.sizes("peak.parameters")[4]
    assert str(scaling).endswith("\nsaved (cpu): -4 KiB + 22 KiB*n")


def test_what_grows_with_the_square_of_the_tokens_is_named_with_its_line() -> None:
    scaling = MemTracker().scaling(lambda n: _step(2, n), n=[16, 32, 64, 128])

    scaling.assert_at_most("n**2")
    with pytest.raises(AssertionError) as caught:
        scaling.assert_linear()

    headline, table, tensors = str(caught.value).split("\n\n")
    assert headline == (
        "faster than linear growth of what is saved for backward (cpu): 544 KiB at n=128, not 376 KiB (+168 KiB, +45 %)"
    )
    assert table.splitlines() == [
        "  n    saved  allowed  difference",
        " 16   40 KiB   40 KiB",
        " 32   88 KiB   88 KiB",
        " 64  208 KiB  184 KiB     +24 KiB",
        "128  544 KiB  376 KiB    +168 KiB",
        "fitted: 2.25 KiB*n + 16 B*n**2",
    ]
    assert re.fullmatch(
        r"more than linear at n=128:\n"
        r"  \+168 KiB activations of Sequential\.\*: float32\[2, 128, 128\] from aten\._softmax, .*_scaling\.py:\d+",
        tensors,
    )


@pytest.mark.parametrize(("last", "passes"), [(400, True), (401, False), (399, False)])
def test_linear_is_to_the_byte_both_ways(*, last: int, passes: bool) -> None:
    scaling = _scaling(100, 200, last)

    if passes:
        scaling.assert_linear()
    else:
        with pytest.raises(AssertionError, match=f"^{'faster' if last > 400 else 'slower'} than linear growth of what"):
            scaling.assert_linear()


@pytest.mark.parametrize(("last", "passes"), [(408, True), (409, False), (392, True), (391, False)])
def test_a_tolerance_widens_the_line(*, last: int, passes: bool) -> None:
    scaling = _scaling(100, 200, last)

    if passes:
        scaling.assert_linear(tolerance="2%")
    else:
        with pytest.raises(AssertionError):
            scaling.assert_linear(tolerance="2%")


@pytest.mark.parametrize(
    ("law", "last", "passes"),
    [("n", 400, True), ("n", 401, False), ("n", 1, True), ("n**2", 600, True), ("n**2", 601, False), ("1", 101, False)],
)
def test_at_most_is_one_sided_and_to_the_byte(*, law: str, last: int, passes: bool) -> None:
    scaling = _scaling(100, 100 if law == "1" else 200, last)

    if passes:
        scaling.assert_at_most(law)
    else:
        with pytest.raises(AssertionError, match=r"^faster than (linear|n\*\*2|constant) growth"):
            scaling.assert_at_most(law)


def test_a_peak_may_move_and_the_message_says_so() -> None:
    with pytest.raises(AssertionError) as caught:
        _scaling(100, 200, 800).assert_at_most("n**2", of="peak.activations")

    assert str(caught.value) == (
        "faster than n**2 growth of the activations at the peak (cpu): 800 B at n=4, not 600 B (+200 B, +33 %)\n"
        "\n"
        "n  peak.activations  allowed  difference\n"
        "1             100 B    100 B\n"
        "2             200 B    200 B\n"
        "4             800 B    600 B      +200 B\n"
        "fitted: 133.3 B - 100 B*n + 66.67 B*n**2 (any 3 points fit one of degree 2)\n"
        "(a peak may be at another moment for small n: try larger ones, or a tolerance)\n"
        "\n"
        "more than n**2 at n=4:\n"
        "  +200 B activations of Net.*.fc: uint8[800] from aten.mm, net.py:7"
    )


def test_nothing_follows_every_law_and_so_fails() -> None:
    found = MemTracker().scaling(lambda n: torch.ones(n, n), n=[2, 4, 8])
    message = (
        "what is saved for backward is 0 B on cpu for n=2, 4, 8: no law can be held;"
        ' name another number, as in of="peak"'
    )

    with pytest.raises(AssertionError) as linear:
        found.assert_linear()
    with pytest.raises(AssertionError) as at_most:
        found.assert_at_most("n**2")

    assert str(linear.value) == str(at_most.value) == message
    found.assert_at_most("1")
    found.assert_at_most("n**2", of="peak")
    found.assert_linear(of="growth")


def test_what_is_wrong_is_told_before_anything_runs() -> None:
    ran: list[int] = []

    with pytest.raises(ValueError, match=r"^n=\[1, 2\] must be 3 or more"):
        MemTracker().scaling(ran.append, n=[1, 2])
    with pytest.raises(TypeError, match=r"^fn must be a function, got Linear|got int"):
        MemTracker().scaling(3, n=[1, 2, 4])  # type: ignore[arg-type]
    assert not ran


def test_an_exception_says_for_which_n() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        MemTracker().scaling(lambda n: 1 / (n - 2), n=[1, 2, 4])

    assert caught.value.__notes__ == ["(while measuring n=2)"]
