"""The SQLite file: many may write at once, and each run is there once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from itertools import groupby
from pathlib import Path

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.peak_history import PeakAt, PeakHistory
from pytest_footprint.model.run import Run
from pytest_footprint.model.usage import Usage

SCHEMA = 1
"""Kept as SQLite's ``user_version``."""

_APPLICATION = 0x46505254
"""Kept as SQLite's ``application_id``, so that another program's file is not taken for ours."""
_PATIENCE = 60.0
"""Seconds to wait for another writer."""

_TABLES = (
    """CREATE TABLE run (
        id INTEGER PRIMARY KEY, digest TEXT NOT NULL, commit_id TEXT NOT NULL, time TEXT NOT NULL,
        torch TEXT NOT NULL, python TEXT NOT NULL, UNIQUE (digest, commit_id)
    )""",
    """CREATE TABLE peak (
        run INTEGER NOT NULL REFERENCES run, test TEXT NOT NULL, footprint TEXT NOT NULL, device TEXT NOT NULL,
        peak INTEGER NOT NULL, "end" INTEGER NOT NULL, PRIMARY KEY (test, footprint, device, run)
    ) WITHOUT ROWID""",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {SCHEMA}",
)


class HistoryError(Exception):
    """The file cannot be used; the message says why and what to do."""


class History:
    """Peaks and ends of every footprint of every run, all in bytes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, run: Run, text: str, *, commit: str, time: str) -> bool:
        """Store a run; whether it is new. The same file with the same commit is not stored again.

        Args:
            run: what to store.
            text: the file that it was read from.
            commit: what it ran on.
            time: ISO 8601, UTC; commits are shown in this order.

        Raises:
            HistoryError: the file is no history, cannot be written, or stays locked.
        """
        digest = sha256(text.encode()).hexdigest()
        rows = [
            (test.test, each.name, device, int(usage.total), int(each.footprint.end.get(device, Usage()).total))
            for test in run.tests
            for each in test.footprints
            for device, usage in each.footprint.peak.items()
        ]
        with self._written() as connection:
            found = connection.execute("SELECT 1 FROM run WHERE digest = ? AND commit_id = ?", (digest, commit))
            if found.fetchone():
                return False
            on = run.environment
            added = connection.execute(
                "INSERT INTO run (digest, commit_id, time, torch, python) VALUES (?, ?, ?, ?, ?)",
                (digest, commit, time, on.torch, on.python),
            )
            connection.executemany(
                "INSERT INTO peak VALUES (?, ?, ?, ?, ?, ?)", [(added.lastrowid, *row) for row in rows]
            )
        return True

    def runs(self) -> int:
        """How many there are.

        Raises:
            HistoryError: there is no such file, or it is no history.
        """
        with self._read() as connection:
            count: int = connection.execute("SELECT count(*) FROM run").fetchone()[0]
        return count

    def peaks(self) -> list[PeakHistory]:
        """The history of each footprint on each device, by test.

        Raises:
            HistoryError: there is no such file, or it is no history.
        """
        with self._read() as connection:
            rows = connection.execute(
                "SELECT test, footprint, device, commit_id, time, peak FROM peak JOIN run ON run.id = peak.run"
                " ORDER BY test, footprint, device, time, run.id"
            ).fetchall()
        return [
            PeakHistory(
                test, name, device, tuple(PeakAt(commit, time, ByteSize(peak)) for *_, commit, time, peak in same)
            )
            for (test, name, device), same in groupby(rows, key=lambda row: row[:3])
        ]

    @contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        """One transaction that writes, alone."""
        if not self._path.parent.is_dir():
            msg = f"{self._path}: there is no folder {self._path.parent}"
            raise HistoryError(msg)
        with self._opened("rwc") as connection:
            connection.execute("BEGIN IMMEDIATE")  # a lock that is taken later can fail without waiting
            try:
                self._prepare(connection)
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        if not self._path.exists():
            msg = f"{self._path}: there is no such file; pytest-footprint history add RUN --db {self._path} makes it"
            raise HistoryError(msg)
        with self._opened("ro") as connection:
            self._check(connection)
            yield connection

    @contextmanager
    def _opened(self, mode: str) -> Iterator[sqlite3.Connection]:
        uri = f"{self._path.absolute().as_uri()}?mode={mode}"
        try:
            # Transactions are begun and ended by us, not by the module.
            with closing(sqlite3.connect(uri, timeout=_PATIENCE, isolation_level=None, uri=True)) as connection:
                yield connection
        except sqlite3.Error as problem:
            msg = f"{self._path}: {problem}"
            raise HistoryError(msg) from None

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables in an empty file; a file that is not empty must be ours."""
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            self._check(connection)
            return
        for statement in _TABLES:
            connection.execute(statement)

    def _check(self, connection: sqlite3.Connection) -> None:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        schema = connection.execute("PRAGMA user_version").fetchone()[0]
        if application != _APPLICATION:
            msg = f"{self._path}: it is a database, but no history of pytest-footprint; name another file"
            raise HistoryError(msg)
        if schema != SCHEMA:
            todo = "upgrade pytest-footprint" if schema > SCHEMA else "begin a new file"
            msg = f"{self._path}: it has schema {schema}, and this version reads {SCHEMA}: {todo}"
            raise HistoryError(msg)
