from __future__ import annotations

from pytest_footprint.comparison import compare
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Comparison
from pytest_footprint.model.figure import figures
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors
from pytest_footprint.model.saving import AtLeast, Saving
from pytest_footprint.model.usage import DeviceUsage, Usage
from pytest_footprint.report.arms import comparison_text, saving_text
from pytest_footprint.report.table import WIDTH

KIB = 1024


def _footprint(rows: int, *, extra: int = 0) -> Footprint:
    """Activations of ``rows`` KiB, and ``extra`` KiB that a cast makes; all of it is saved for backward."""
    made = [("Net.fc", "aten.gelu", (rows, 256), "net.py:7", rows), ("Net", "aten.to", (extra, 256), "net.py:9", extra)]
    made = [row for row in made if row[4]]
    total = DeviceUsage({"cpu": Usage(activations=ByteSize((rows + extra) * KIB), parameters=ByteSize(2 * KIB))})
    alive = [
        LiveGroup(RefType.ACTIVATION, fqn, op, shape, "float32", "cpu", 1, ByteSize(size * KIB), line)
        for fqn, op, shape, line, size in made
    ]
    saved = [
        SavedTensor(fqn, op, shape, "float32", ByteSize(size * KIB), "cpu", line) for fqn, op, shape, line, size in made
    ]
    return Footprint(peak=total, end=total, saved=SavedTensors(tuple(saved)), at_peak=tuple(alive), at_end=tuple(alive))


def _text(off: Footprint, on: Footprint, at_least: object = None, of: object = ("peak", "saved")) -> str:
    demanded = AtLeast.parse(at_least)
    savings = [Saving(figure, figure.on(off, "cpu"), figure.on(on, "cpu"), demanded) for figure in figures(of)]
    text = saving_text(savings, on, compare(off, on), "cpu")
    headline, *rest = text.splitlines()
    assert len(headline) <= 120
    assert max(map(len, rest)) <= WIDTH
    return text


def test_too_little_saved_shows_every_number_the_slack_and_what_eats_the_saving() -> None:
    assert _text(_footprint(64), _footprint(24, extra=16), "40%") == (
        "on saves 36.4 % of the peak (cpu), not 40 %: 66 KiB off, 42 KiB on, 2.4 KiB too much\n"
        "\n"
        "of        off      on   saved       %  at least\n"
        "peak   66 KiB  42 KiB  24 KiB  36.4 %  40 %      2.4 KiB too little\n"
        "saved  64 KiB  40 KiB  24 KiB  37.5 %  40 %      1.6 KiB too little\n"
        "\n"
        "on has at its peak (activations):\n"
        "   bytes  module  tensors           operator  made at\n"
        "  24 KiB  Net.fc  float32[24, 256]  gelu      net.py:7\n"
        "  16 KiB  Net     float32[16, 256]  to        net.py:9\n"
        "\n"
        "on has more of (activations, in peak):\n"
        "    bytes  module  tensors           operator  made at\n"
        "  +16 KiB  Net     float32[16, 256]  to        net.py:9"
    )


def test_equal_is_told_as_saving_nothing() -> None:
    text = _text(_footprint(64), _footprint(64))

    headline, table, tensors = text.split("\n\n")
    assert headline == "on saves nothing of the peak (cpu): 66 KiB off, 66 KiB on"
    assert table.splitlines()[1] == "peak   66 KiB  66 KiB    0 B  0 %  anything  saves nothing"
    assert tensors.startswith("on has at its peak (activations):")


def test_more_is_told_with_how_much_more() -> None:
    headline = _text(_footprint(64), _footprint(65)).partition("\n")[0]

    assert headline == "on saves nothing of the peak (cpu): 66 KiB off, 67 KiB on, 1 KiB more"


def test_the_first_number_that_is_not_enough_is_told_and_its_tensors() -> None:
    off, on = _footprint(64), _footprint(64)
    text = _text(off, Footprint(peak=_footprint(32).peak, saved=on.saved), at_least="8KiB")

    headline, table, tensors = text.split("\n\n")
    assert headline == "on saves nothing of what is saved for backward (cpu): 64 KiB off, 64 KiB on"
    assert table.splitlines()[1:] == [
        "peak   66 KiB  34 KiB  32 KiB  48.5 %  8 KiB     24 KiB to spare",
        "saved  64 KiB  64 KiB     0 B     0 %  8 KiB     saves nothing",
    ]
    assert tensors.startswith("on keeps for backward (activations):\n")


def test_a_demand_in_bytes_is_answered_in_bytes() -> None:
    headline = _text(_footprint(64), _footprint(60), "1MiB", "end.activations").partition("\n")[0]

    assert headline == (
        "on saves 4 KiB of the activations at the end (cpu), not 1 MiB: 64 KiB off, 60 KiB on, 1020 KiB too much"
    )


def test_nothing_to_save_asks_whether_there_is_a_backward() -> None:
    demanded = [Saving(figure, ByteSize(0), ByteSize(0)) for figure in figures("saved")]

    assert saving_text(demanded, Footprint(), Comparison(), "cpu").partition("\n")[0] == (
        "nothing to save in what is saved for backward (cpu): 0 B off, 0 B on"
        ' (does anything require grad, is there a backward? if none is meant, of="peak")'
    )


def test_a_comparison_prints_sizes_tensors_and_orders() -> None:
    on = Footprint(peak=_footprint(24).peak, at_peak=_footprint(24).at_peak, recomputed=("Net.fc",))
    off = Footprint(peak=_footprint(64).peak, at_peak=_footprint(64).at_peak)

    assert comparison_text(compare(off, on)) == (
        "changed  what                                 off      on  difference      %\n"
        "peak     cpu total, all of it activations  66 KiB  26 KiB     -40 KiB  -61 %\n"
        "\n"
        "what shrank (activations, in peak):\n"
        "    bytes  module  tensors                                 operator  made at\n"
        "  -40 KiB  Net.fc  float32[24, 256], was float32[64, 256]  gelu      net.py:7\n"
        "\n"
        "off -> on:\n"
        "  Net.fc is now recomputed\n"
        "  recomputed order: the first call that differs is number 1, nothing -> Net.fc"
    )


def test_no_difference_is_said_in_words() -> None:
    assert comparison_text(Comparison()) == "off and on take and leave the same, in the same order"
