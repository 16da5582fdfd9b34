"""Baselines that nobody asks for any more."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_footprint.report.words import more

_LISTED = 10
_WHAT_TO_DO = """\
to delete: run the same with --mem-baseline-prune
after a rename: move the files to their new names instead"""

_PRUNE = """\
to delete these: pytest-footprint prune --delete
after renaming a test file: rename their folder instead"""
_DELETE = "nothing was deleted yet; to do it: the same with --delete"


def stale(paths: Sequence[str], *, verbose: bool = False) -> str:
    """Named at the end of a complete run."""
    headline = f"{_baselines(len(paths))} that no test asked for in this complete run:"
    return "\n".join([headline, *_listed(paths, verbose=verbose), _WHAT_TO_DO])


def pruned(paths: Sequence[str], *, verbose: bool = False) -> str:
    """What ``--mem-baseline-prune`` deleted."""
    if not paths:
        return "nothing to delete: no stored baseline is stale"
    return "\n".join([f"deleted {_baselines(len(paths))} that no test asked for:", *_listed(paths, verbose=verbose)])


def not_pruned(reasons: Sequence[str]) -> str:
    """Why ``--mem-baseline-prune`` deleted nothing."""
    return (
        f"nothing was deleted, as this run was not complete: {'; '.join(reasons)}\n"
        "to prune, run all tests of a file or folder: pytest --mem-baseline-prune"
    )


def checked(count: int, unreadable: Sequence[str], without_test: Sequence[str]) -> str:
    """What ``pytest-footprint check`` found in ``count`` baselines."""
    parts = []
    if unreadable:
        parts += [f"{len(unreadable)} cannot be read:", *(f"  {problem}" for problem in unreadable)]
    if without_test:
        parts += [f"{len(without_test)} without a test file:", *(f"  {path}" for path in without_test), _PRUNE]
    verdict = "" if parts else ": all can be read and have a test file" if count else ""
    return "\n".join([f"{_baselines(count)} checked{verdict}", *parts])


def without_tests(paths: Sequence[str], *, deleted: bool) -> str:
    """What ``pytest-footprint prune`` deleted or would delete."""
    if not paths:
        return "nothing to delete: each baseline has a test file"
    headline = f"{'deleted' if deleted else 'would delete'} {_baselines(len(paths))} whose test file is gone:"
    return "\n".join([headline, *(f"  {path}" for path in paths), *([] if deleted else [_DELETE])])


def _listed(paths: Sequence[str], *, verbose: bool) -> list[str]:
    shown = paths if verbose or len(paths) <= _LISTED + 1 else paths[:_LISTED]
    left = len(paths) - len(shown)
    return [*(f"  {path}" for path in shown), *([f"  {more(left)}"] if left else [])]


def _baselines(count: int) -> str:
    return f"{count} baseline{'' if count == 1 else 's'}"
