"""Whether modules ran in the order that they should, in words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from pytest_footprint.model.fqn import matches
from pytest_footprint.model.known_names import some_names


def order_text(calls: Sequence[str], first: str, second: str, order: str) -> str:
    """Why not every call of ``first`` comes before every call of ``second``; ``""`` when it does.

    Where both have as many ``*``, these stand for the same names: ``layers.*.norm`` and ``layers.*.mlp`` are held
    against each other in each layer.
    """
    before, after = _places(calls, first), _places(calls, second)
    if absent := [name for name, places in ((first, before), (second, after)) if not places]:
        return f"{' and '.join(absent)}: no such module in {order} order: {some_names(calls)}"
    if not (pairs := [(before[names], after[names]) for names in before if names in after]):
        pairs = [(sorted(chain(*before.values())), sorted(chain(*after.values())))]
    for ours, theirs in pairs:
        if both := set(ours) & set(theirs):
            return f"{first} and {second} both name {calls[min(both)]}, which cannot run before itself"
        last, earliest = ours[-1], theirs[0]
        if last > earliest:
            again = "again " if calls[last] in calls[:earliest] else ""
            return (
                f"{calls[last]} runs {again}after {calls[earliest]} in {order} order:"
                f" call {last + 1} and call {earliest + 1} of {len(calls)}"
            )
    return ""


def _places(calls: Sequence[str], pattern: str) -> dict[tuple[str, ...], list[int]]:
    """Where the modules that a pattern names run, by the names that its ``*`` stand for."""
    found: dict[tuple[str, ...], list[int]] = {}
    stars = [at for at, part in enumerate(pattern.split(".")) if "*" in part]
    for place, fqn in enumerate(calls):
        if matches(pattern, fqn):
            named = _named(pattern, fqn).split(".")[-len(pattern.split(".")) :]
            found.setdefault(tuple(named[at] for at in stars), []).append(place)
    return found


def recompute_text(forward: Sequence[str], recomputed: Sequence[str], patterns: Sequence[str]) -> str:
    """What is recomputed and should not be, and the other way round; ``""`` when all is as wanted.

    A wrapper around what is recomputed is not recomputed itself: something of each module that a pattern names must be.
    """
    problems = []
    for pattern in patterns:
        wanted = dict.fromkeys(_named(pattern, fqn) for fqn in forward if matches(pattern, fqn))
        if not wanted:
            problems.append(f"{pattern}: no such module in forward order: {some_names(forward)}")
        missing = [name for name in wanted if not any(_within(fqn, name) for fqn in recomputed)]
        if missing:
            problems.append(f"not recomputed: {some_names(missing)}")
    others = dict.fromkeys(fqn for fqn in recomputed if not any(matches(pattern, fqn) for pattern in patterns))
    if outermost := [fqn for fqn in others if fqn.rpartition(".")[0] not in others]:
        problems.append(f"recomputed and should not be: {some_names(outermost)}")
    return "; ".join(problems)


def _named(pattern: str, fqn: str) -> str:
    """The module that the pattern names, of which ``fqn`` is a part; the root's name may be left out of patterns."""
    parts, length = fqn.split("."), pattern.count(".") + 1
    without_root = not matches(pattern, ".".join(parts[:length]))
    return ".".join(parts[: length + without_root])


def _within(fqn: str, name: str) -> bool:
    return fqn == name or fqn.startswith(f"{name}.")
