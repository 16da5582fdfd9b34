from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_footprint.baseline import decode, encode
from pytest_footprint.comparison import compare
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.live_group import LiveGroup, summed_up
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors
from pytest_footprint.model.structure import Structure, TensorSpec
from pytest_footprint.model.unshard import Unshard
from pytest_footprint.model.usage import DeviceUsage, Usage

LAYERS = range(12)
GPT = Footprint(
    peak=DeviceUsage({"cpu": Usage(parameters=ByteSize(12 * 2**20), activations=ByteSize(24 * 2**20))}),
    end=DeviceUsage({"cpu": Usage(parameters=ByteSize(12 * 2**20))}),
    growth=DeviceUsage({"cpu": Usage()}),
    saved=SavedTensors(
        tuple(
            SavedTensor(f"GPT.layers.{i}.mlp", "aten.gelu", (8, 65536), "float32", ByteSize(2**21), "cpu", "m.py:7")
            for i in LAYERS
        )
    ),
    forward=("GPT", *(f"GPT.layers.{i}{part}" for i in LAYERS for part in ("", ".mlp"))),
    backward=tuple(f"GPT.layers.{i}" for i in reversed(LAYERS)),
    structure=Structure(
        tuple(TensorSpec(f"GPT.layers.{i}.mlp.weight", (512, 512), "float32") for i in LAYERS),
        (("GPT.layers.0.mlp.weight", "GPT.layers.1.mlp.weight"),),
    ),
    at_peak=(
        *(
            LiveGroup(
                RefType.ACTIVATION, f"GPT.layers.{i}.mlp", "aten.gelu", (8, 65536), "float32", "cpu", 1, ByteSize(2**21)
            )
            for i in LAYERS
        ),
        *(
            LiveGroup(RefType.PARAMETER, f"GPT.layers.{i}.mlp", "", (512, 512), "float32", "cpu", 1, ByteSize(2**20))
            for i in LAYERS
        ),
    ),
    environment={"torch": "2.13.0", "device": "cpu"},
)

TEXT = """\
# A baseline of pytest-footprint: review it like code, renew it with --mem-baseline-update.
schema = 1
kind = "footprint"
steps = 1

[peak.cpu]
total = 37748736  # 36 MiB
parameters = 12582912  # 12 MiB
activations = 25165824  # 24 MiB

[end.cpu]
total = 12582912  # 12 MiB
parameters = 12582912  # 12 MiB

[growth.cpu]
total = 0  # 0 B

[saved.cpu]
"GPT.layers.{0..11}.mlp | aten.gelu | 12 x float32[8, 65536]" = 25165824  # 24 MiB

[at_peak.cpu.parameters]
"GPT | 12 x float32" = 12582912  # 12 MiB

[at_peak.cpu.activations]
"GPT.layers.{0..11}.mlp | aten.gelu | 12 x float32[8, 65536]" = 25165824  # 24 MiB

[order]
forward = [
  "GPT",
  "GPT.layers.{0..11}{,.mlp}",
]
backward = [
  "GPT.layers.{11..0}",
]
recomputed = []

[structure]
tied = [
  ["GPT.layers.{0..1}.mlp.weight"],
]

[structure.tensors]
"GPT.layers.{0..11}.mlp.weight" = "float32[512, 512]"

# Where the numbers come from: shown when it differs, never compared.
[provenance]
torch = "2.13.0"
device = "cpu"

# end of baseline
"""

HOSTILE = st.one_of(
    st.text(max_size=12),
    st.lists(
        st.sampled_from(
            ["a", "0", "1", " | ", "|", "-", '"', "'", "\n", "=", "#", "\\", "{0..1}", "1 x a[]", "ü", "]", "\x7f"]
        ),
        max_size=4,
    ).map("".join),
    st.lists(st.sampled_from(["M", "0", "1", "2", "-", "{", "b"]), min_size=1, max_size=4).map(".".join),
)
SHAPES = st.lists(st.integers(0, 2**40), max_size=3).map(tuple)
SIZES = st.integers(-(2**50), 2**50).map(ByteSize)
DEVICES = st.dictionaries(HOSTILE, st.dictionaries(st.sampled_from(list(RefType)), SIZES, max_size=3).map(Usage.of))
GROUPS = st.lists(
    st.builds(
        LiveGroup,
        ref_type=st.sampled_from([RefType.PARAMETER, RefType.ACTIVATION, RefType.GRADIENT]),
        fqn=HOSTILE,
        op=HOSTILE,
        shape=SHAPES,
        dtype=HOSTILE,
        device=HOSTILE,
        count=st.integers(1, 3),
        nbytes=SIZES,
    ),
    max_size=4,
    unique_by=lambda group: (group.ref_type, group.fqn, group.op, group.shape, group.dtype, group.device),
).map(tuple)
SAVED = st.lists(
    st.builds(
        SavedTensor,
        fqn=HOSTILE,
        op=HOSTILE,
        shape=SHAPES,
        dtype=HOSTILE,
        nbytes=st.integers(0, 2**50).map(ByteSize),
        device=HOSTILE,
    ),
    max_size=5,
).map(lambda rows: SavedTensors(tuple(rows)))
CALLS = st.lists(HOSTILE, max_size=8).map(tuple)
STRUCTURES = st.builds(
    Structure,
    st.lists(st.builds(TensorSpec, HOSTILE, SHAPES, HOSTILE), max_size=4, unique_by=lambda spec: spec.name).map(tuple),
    st.lists(st.lists(HOSTILE, min_size=2, max_size=3, unique=True).map(tuple), max_size=2).map(tuple),
)
UNSHARDS = st.tuples(
    *(
        st.lists(st.builds(Unshard, HOSTILE, st.just(order), st.integers(0, 3)), max_size=6)
        for order in ("forward", "backward")
    )
).map(lambda passes: tuple(passes[0] + passes[1]))
FOOTPRINTS = st.builds(
    Footprint,
    peak=DEVICES.map(DeviceUsage),
    end=DEVICES.map(DeviceUsage),
    growth=DEVICES.map(DeviceUsage),
    saved=SAVED,
    forward=CALLS,
    backward=CALLS,
    recomputed=CALLS,
    structure=STRUCTURES,
    at_peak=GROUPS,
    at_end=GROUPS,
    steps=st.integers(1, 5),
    unsharded=UNSHARDS,
    max_unsharded=st.integers(0, 3),
    environment=st.dictionaries(HOSTILE, HOSTILE, max_size=2),
)


def test_a_deep_model_is_a_page_that_people_can_review() -> None:
    assert encode(GPT) == TEXT


def test_growth_shows_in_the_diff_of_the_file_with_its_tensors() -> None:
    logits = LiveGroup(RefType.ACTIVATION, "GPT.head", "aten.mm", (256, 1024), "float32", "cpu", 1, ByteSize(2**20))
    grown = replace(
        GPT,
        peak=DeviceUsage({"cpu": replace(GPT.peak["cpu"], activations=ByteSize(25 * 2**20))}),
        at_peak=(*GPT.at_peak, logits),
    )

    changed = set(encode(grown).splitlines()) - set(TEXT.splitlines())

    assert changed == {
        "total = 38797312  # 37 MiB",
        "activations = 26214400  # 25 MiB",
        '"GPT.head | aten.mm | 1 x float32[256, 1024]" = 1048576  # 1 MiB',
    }


def test_all_gathers_are_told_with_how_far_ahead_they_are_issued() -> None:
    layers = [f"GPT.layers.{at}" for at in range(32)]
    sharded = replace(
        GPT,
        unsharded=(
            *(Unshard(fqn, "forward") for fqn in ("GPT", *layers)),
            *(Unshard(fqn, "backward", min(at, 1)) for at, fqn in enumerate(reversed(layers))),
        ),
        max_unsharded=3,
    )

    text = encode(sharded)

    added = """
[unshards]
most_at_once = 3
forward = [
  "GPT",
  "GPT.layers.{0..31}",
]
backward = [
  "GPT.layers.{31..0}",
]
backward_ahead = "0, 31 x 1"
"""
    assert text.replace(added, "") == TEXT
    read = decode(text)
    assert isinstance(read, Footprint)
    assert read.unsharded == sharded.unsharded


@given(FOOTPRINTS)
def test_what_is_read_back_does_not_differ_from_what_was_written(footprint: Footprint) -> None:
    read = decode(encode(footprint))

    assert isinstance(read, Footprint)
    assert not compare(read, footprint)
    assert compare(read, footprint).recorded == {}
    assert (read.peak, read.end, read.growth, read.steps) == (
        footprint.peak,
        footprint.end,
        footprint.growth,
        footprint.steps,
    )
    assert read.hierarchy == footprint.hierarchy
    assert (read.unsharded, read.max_unsharded) == (footprint.unsharded, footprint.max_unsharded)
    assert read.environment == footprint.environment
    assert set(read.structure.tensors) == set(footprint.structure.tensors)
    assert read.structure.tied == footprint.structure.tied
    assert set(read.at_peak) == set(summed_up(footprint.at_peak))
    assert set(read.saved.groups()) == set(footprint.saved.groups())


@given(FOOTPRINTS)
def test_what_is_read_back_is_written_the_same(footprint: Footprint) -> None:
    text = encode(footprint)

    assert encode(decode(text)) == text


@given(st.builds(Hierarchy, CALLS, CALLS, CALLS))
def test_orders_read_back_as_they_were(hierarchy: Hierarchy) -> None:
    assert decode(encode(hierarchy)) == hierarchy


@given(STRUCTURES)
def test_structures_read_back_but_for_the_order_of_their_keys(structure: Structure) -> None:
    read = decode(encode(structure))

    assert isinstance(read, Structure)
    assert set(read.tensors) == set(structure.tensors)
    assert read.tied == structure.tied


def test_a_value_that_no_baseline_can_hold_is_refused() -> None:
    with pytest.raises(
        ValueError, match="a baseline holds a footprint, a hierarchy, a structure; it cannot hold a dict"
    ):
        encode({})  # type: ignore[arg-type]
