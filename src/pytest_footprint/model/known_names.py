"""Names that users write, held against those there are: a mistyped name must not pass for an empty answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase

from pytest_footprint.model.fqn import INDEX, fold, matches

_FEW = 8
_CLOSE = 3

# fmt: off
_DTYPES = frozenset((
    "bool", "uint1", "uint2", "uint3", "uint4", "uint5", "uint6", "uint7", "uint8", "uint16", "uint32",
    "uint64", "int1", "int2", "int3", "int4", "int5", "int6", "int7", "int8", "int16", "int32", "int64",
    "float4_e2m1fn_x2", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz",
    "float8_e8m0fnu", "bfloat16", "float16", "float32", "float64", "bcomplex32", "complex32", "complex64", "complex128",
    "quint8", "qint8", "qint32", "quint4x2", "quint2x4", "bits1x8", "bits2x4", "bits4x2", "bits8", "bits16",
))
# fmt: on
"""torch's, which only trackers import; a test holds them against the torch at hand."""
_CALLED = {
    "bf16": "bfloat16",
    "fp16": "float16",
    "half": "float16",
    "fp32": "float32",
    "float": "float32",
    "fp64": "float64",
    "double": "float64",
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "fp8": "float8_e4m3fn",
}
"""Names that people use for dtypes, and what tensors print."""


def some_names(names: Iterable[str]) -> str:
    """The first few, repeated layers folded."""
    folded = fold(names)
    more = f" ... ({len(folded) - _FEW} more)" if len(folded) > _FEW else ""
    return (", ".join(folded[:_FEW]) or "none") + more


def check_module(pattern: str, known: Iterable[str], what: str) -> None:
    """Refuse a pattern that names none of the modules (or entries) there are.

    Args:
        pattern: as for `matches`.
        known: FQNs, with the name of the root.
        what: the kind of name, ``module``.

    Raises:
        ValueError: it names none; the message has those that are close, or some of those there are.
    """
    names = list(dict.fromkeys(known))
    if any(matches(pattern, name) for name in names):
        return
    close = closest(pattern, _spellings(names, pattern))
    there = f"did you mean {close}?" if close else f"there are {some_names(filter(None, names))}"
    msg = f"no {what} is named {pattern!r}: {there}"
    raise ValueError(msg)


def check_dtype(name: str, seen: Collection[str] = ()) -> None:
    """Refuse the name, or pattern, of a dtype that no torch has.

    Args:
        name: ``bfloat16``, ``int*``.
        seen: dtypes that tensors have; a newer torch may have others than those known here.

    Raises:
        ValueError: there is no such dtype; the message has those that are close.
    """
    if any(fnmatchcase(dtype, name) for dtype in (*seen, *_DTYPES)):
        return
    close = _CALLED.get(name.lower())
    meant = repr(close) if close else closest(name.lower(), sorted(_DTYPES))
    msg = f"no dtype is named {name!r}: " + (
        f"did you mean {meant}?" if meant else 'write "bfloat16", "int*" or torch.bfloat16'
    )
    raise ValueError(msg)


def closest(name: str, names: Iterable[str]) -> str:
    """Those that are spelled nearly the same, quoted, the closest first; ``""`` when none is."""
    found = [repr(each) for each in get_close_matches(name, list(dict.fromkeys(names)), n=_CLOSE)]
    return " or ".join(filter(None, [", ".join(found[:-1]), *found[-1:]]))


def _spellings(names: Iterable[str], pattern: str) -> Iterable[str]:
    """Each module and those around it, written as ``pattern`` is: with ``*`` for indices, without the root."""
    root, starred = pattern.split(".", maxsplit=1)[0], "*" in pattern
    for name in names:
        parts = ["*" if starred and INDEX.fullmatch(part) else part for part in name.split(".")]
        first = 0 if root == parts[0] or len(parts) == 1 else 1
        for length in range(first + 1, len(parts) + 1):
            yield ".".join(parts[first:length])
