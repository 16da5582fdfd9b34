"""Where the traces of a test lie below the folder of ``--mem-trace``."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from pytest_footprint.baseline.paths import quoted, test_part

TRACE = ".trace"
FORMS = (".perfetto.json.gz", ".snapshot.pickle", TRACE)
"""Endings of the files of one recording, in the order in which they are written."""


def trace_path(folder: Path, nodeid: str, *, run: int = 1, tracker: int = 1) -> Path:
    """The path without the ending: ``<folder>/<test file without .py>/<test id>[.run2][.tracker2]``.

    Different tests have different files, as with baselines: what file names cannot hold is written as in URLs.

    Args:
        folder: of ``--mem-trace``.
        nodeid: with the file, as pytest writes it.
        run: counts the runs of a test that is rerun, from 1 on.
        tracker: counts the trackers of a test, from 1 on.
    """
    file, _, test = nodeid.partition("::")
    *above, name = PurePosixPath(file).parts or ("",)
    parts = [*map(quoted, above), quoted(name.removesuffix(".py"))]
    suffix = (f".run{run}" if run > 1 else "") + (f".tracker{tracker}" if tracker > 1 else "")
    return folder.joinpath(*parts, test_part(test) + suffix)
