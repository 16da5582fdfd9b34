"""A launcher of ranks that forks: it loads torch once for all, so that a run of four ranks takes a second.

As a script it reads jobs as JSON, one a line, and prints what became of each. Like torchrun it serves the store itself;
in contrast to torchrun it leaves the others alone when a rank dies, so that they have to end by themselves.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from typing import Any

_PLUGINS = ("-p", "syrupy", "-p", "pytest_footprint.pytest_plugin", "-W", "ignore::pytest.PytestAssertRewriteWarning")
"""Only these: others import much, once for each rank."""


@dataclass(frozen=True)
class Job:
    """One run of pytest on some ranks."""

    folder: str
    args: tuple[str, ...] = ()
    ranks: int = 2
    env: dict[str, str] = field(default_factory=dict)
    kill: int | None = None
    """The rank that gets a signal."""
    signal: int = signal.SIGKILL
    after: float = 0.0
    """Seconds from the start to the signal."""
    agent: bool = True
    """Whether the launcher serves the store; or else rank 0 does."""
    deadline: float = 60.0
    """Seconds after which ranks that still run are killed: they hang."""


@dataclass(frozen=True)
class Done:
    """What became of a job."""

    codes: tuple[int, ...]
    """Exit status of each rank, negative for a signal."""
    outputs: tuple[str, ...]
    hung: tuple[int, ...]
    """Ranks that had to be killed at the deadline, but for one that was stopped."""
    seconds: float


class Launcher:
    """The process from which ranks are forked."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, *jobs: Job) -> list[Done]:
        """Run jobs, one after the other."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        found = []
        for job in jobs:
            self._process.stdin.write(json.dumps(asdict(job)) + "\n")
            self._process.stdin.flush()
            one = json.loads(self._process.stdout.readline())
            found.append(Done(tuple(one["codes"]), tuple(one["outputs"]), tuple(one["hung"]), one["seconds"]))
        return found

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def _run(job: Job) -> Done:
    from torch._C._distributed_c10d import TCPStore  # noqa: PLC0415 - the script alone needs torch

    # Closed when the job is over, whoever still holds a connection.
    store = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    port = store.port if job.agent else _free_port()
    outputs = [tempfile.TemporaryFile("w+", errors="replace") for _ in range(job.ranks)]  # noqa: SIM115 - closed below
    started = time.monotonic()
    children = [_fork(job, rank, port, outputs[rank].fileno()) for rank in range(job.ranks)]
    codes, hung = _wait(job, children, started)
    seconds = time.monotonic() - started
    texts = []
    for output in outputs:
        output.seek(0)
        texts.append(output.read())
        output.close()
    return Done(tuple(codes), tuple(texts), tuple(hung), seconds)


def _free_port() -> int:
    import socket  # noqa: PLC0415

    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def _fork(job: Job, rank: int, port: int, output: int) -> int:
    if child := os.fork():
        return child
    code: Any = 70
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(job.folder)
        launched = {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(job.ranks),
            "LOCAL_WORLD_SIZE": str(job.ranks),
            "MASTER_ADDR": "localhost",
            "MASTER_PORT": str(port),
            "TORCHELASTIC_USE_AGENT_STORE": str(job.agent),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        os.environ.update({**launched, **job.env})
        import pytest  # noqa: PLC0415 - it is there

        code = pytest.main([*_PLUGINS, "-p", "no:cacheprovider", *job.args])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(code))


def _wait(job: Job, children: list[int], started: float) -> tuple[list[int], list[int]]:
    codes: dict[int, int] = {}
    hung: list[int] = []
    killed = job.kill is None
    while len(codes) < len(children):
        passed = time.monotonic() - started
        if not killed and passed >= job.after:
            killed = True
            if job.kill not in codes:
                os.kill(children[job.kill or 0], job.signal)
        for rank, child in enumerate(children):
            if rank not in codes and (found := os.waitpid(child, os.WNOHANG))[0]:
                codes[rank] = os.waitstatus_to_exitcode(found[1])
        left = set(range(len(children))) - codes.keys()
        stopped = {job.kill} if job.signal == signal.SIGSTOP and killed else set()
        if left and (left <= stopped or passed > job.deadline):
            hung += sorted(left - stopped)
            for rank in left:
                os.kill(children[rank], signal.SIGKILL)
                os.waitpid(children[rank], 0)
                codes[rank] = -signal.SIGKILL
        time.sleep(0.005)
    return [codes[rank] for rank in range(len(children))], hung


if __name__ == "__main__":
    # Loaded once for all ranks.
    import pytest  # noqa: F401

    for line in sys.stdin:
        print(json.dumps(asdict(_run(Job(**json.loads(line))))), flush=True)
