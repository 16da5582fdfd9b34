"""What can go wrong with a stored baseline."""

from __future__ import annotations


class BaselineError(Exception):
    """A stored baseline cannot be used; the message names the file and what to do."""


class BaselineFormatError(BaselineError):
    """The file is not a baseline that this version reads. The message begins with ``file:line:``."""

    def __init__(self, where: str, line: int, problem: str, renew: str) -> None:
        super().__init__(f"{where}:{line}: {problem}; to renew it: {renew}")
        self.where = where
        self.line = line


class BaselineWriteError(BaselineError):
    """The file could not be written; what was there before is untouched."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"cannot write the baseline {where}: {reason}; what was stored before is untouched")
        self.where = where


class BaselineDeleteError(BaselineError):
    """The file could not be deleted."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"cannot delete the baseline {where}: {reason}")
        self.where = where
