from __future__ import annotations

import pytest

from pytest_footprint.baseline import BaselineFormatError, decode, encode
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.structure import Structure, TensorSpec
from pytest_footprint.model.usage import DeviceUsage, Usage

FOOTPRINT = Footprint(
    peak=DeviceUsage({"cpu": Usage(activations=ByteSize(4096))}),
    forward=("M", "M.a"),
    structure=Structure((TensorSpec("M.w", (2, 2), "float32"),)),
    at_peak=(LiveGroup(RefType.ACTIVATION, "M.a", "aten.mm", (1024,), "float32", "cpu", 1, ByteSize(4096)),),
)
TEXT = encode(FOOTPRINT)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if part in line)


@pytest.mark.parametrize(
    ("old", "new", "at", "problem"),
    [
        (
            "schema = 1",
            "schema = 2",
            "schema =",
            "schema 2, written by a newer pytest-footprint; this one reads schema",
        ),
        ("schema = 1", "schema = 0", "schema =", "the baseline has the old schema 0; this version reads schema 1"),
        ("schema = 1", "", "A baseline", "the file is no baseline: it has no schema number"),
        ('kind = "footprint"', 'kind = "foot"', "kind =", "the baseline has kind 'foot', which is none of footprint,"),
        ("steps = 1", "steps = ", "steps =", "the baseline is damaged: invalid value"),
        (
            "steps = 1",
            "steps = " + "[" * 100_000,
            "A baseline",
            "the baseline is damaged: its lists and tables are nested",
        ),
        ("steps = 1", 'steps = "1"', "steps =", "'steps' has no whole number, but '1'"),
        ("steps = 1", "", "A baseline", "steps is missing"),
        ("activations = 4096", "activations = 4097", "total =", "total is 4096, and the sizes below it make 4097"),
        ("activations = 4096", "activation = 4096", "activation =", "'activation' is not a reference type; those are"),
        (
            "activations = 4096",
            "activations = 4096.5",
            "activations =",
            "'activations' has no whole number, but",
        ),
        (
            "| 1 x float32",
            "| one float32",
            "M.a |",
            "is not a row of tensors such as 'GPT.head | aten.mm |",
        ),
        ("M.a | aten.mm", "M.{a | aten.mm", "M.{a |", "its braces or backslashes do not match"),
        ('"M.a",', '"M.a", 3,', "forward =", "'forward' holds 3, which is no text"),
        ('"float32[2, 2]"', '"float32"', "M.w", "'float32' is not a dtype with a shape such as 'float32[8, 256]'"),
        ("tied = []", 'tied = "none"', "tied =", "tied is not a list"),
        ("recomputed = []", 'recomputed = "none"', "recomputed =", "recomputed is not a list of names"),
        ("[peak.cpu]", "[peak]\ncpu = 3\n[x]", "[peak]", "cpu is not a table"),
        (
            "[structure]",
            '[unshards]\nforward = ["M"]\nforward_ahead = "2 x 1"\n[structure]',
            "forward_ahead =",
            "1 names, and 2 numbers in forward_ahead",
        ),
        (
            "[structure]",
            '[unshards]\nforward = ["M"]\nforward_ahead = "one"\n[structure]',
            "forward_ahead =",
            "'one' is not a number, or as many of one, as in '0, 31 x 1'",
        ),
        ("[structure]", '[unshards]\nmost_at_once = "3"\n[structure]', "most_at_once =", "'most_at_once' has no whole"),
    ],
)
def test_a_damaged_baseline_is_answered_with_its_line_and_how_to_renew_it(
    old: str, new: str, at: str, problem: str
) -> None:
    assert old in TEXT
    text = TEXT.replace(old, new, 1)

    with pytest.raises(BaselineFormatError) as raised:
        decode(text, where="t.toml", renew="pytest --mem-baseline-update t.py::test")

    message = str(raised.value)
    assert problem in message
    assert message.startswith(f"t.toml:{raised.value.line}: ")
    assert message.endswith("; to renew it: pytest --mem-baseline-update t.py::test")
    assert abs(raised.value.line - line_of(text, at)) <= (1 if at == "[peak]" else 0)


@pytest.mark.parametrize("marker", ["<<<<<<< HEAD", "=======", ">>>>>>> theirs", "||||||| base"])
def test_a_merge_conflict_is_called_one(marker: str) -> None:
    lines = TEXT.splitlines()
    lines.insert(7, marker)

    with pytest.raises(BaselineFormatError, match=r"^t.toml:8: the baseline has a merge conflict: .*; settle it;"):
        decode("\n".join(lines), where="t.toml")


@pytest.mark.parametrize("kept", range(len(TEXT.rstrip().splitlines())))
def test_a_baseline_that_is_cut_off_at_any_line_is_never_taken_for_a_whole_one(kept: int) -> None:
    text = "".join(TEXT.splitlines(keepends=True)[:kept])

    with pytest.raises(BaselineFormatError):
        decode(text)


def test_a_baseline_that_is_cut_off_between_lines_is_said_to_be() -> None:
    with pytest.raises(BaselineFormatError, match="the baseline is cut off: its last line is not '# end of baseline'"):
        decode(TEXT.replace("# end of baseline\n", ""))


def test_a_baseline_of_another_kind_is_not_compared() -> None:
    text = encode(Hierarchy(("M",)))

    assert decode(text, kind=Hierarchy) == Hierarchy(("M",))
    with pytest.raises(BaselineFormatError, match="holds a hierarchy, and a footprint is compared with it; name="):
        decode(text, kind=Footprint)


def test_line_ends_of_other_systems_do_not_matter() -> None:
    assert decode(TEXT.replace("\n", "\r\n")) == decode(TEXT)
