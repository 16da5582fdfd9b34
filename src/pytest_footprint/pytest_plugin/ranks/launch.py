"""What a launcher such as torchrun told this process: which rank it is, of how many, and where they meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Launch:
    """A process that was started as one of several ranks."""

    rank: int
    world_size: int
    host: str
    port: int
    agent: bool = False
    """Whether the launcher itself serves the store: then it outlives every rank."""
    attempt: str = ""
    """Tells restarts of the same ranks apart."""
    here: int = 0
    """Ranks on this machine; 0 when that is not known."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Launch | None:
        """Read the variables that torch's ``env://`` reads; ``None`` when they do not name several ranks."""
        try:
            rank, world_size = int(environ["RANK"]), int(environ["WORLD_SIZE"])
            host, port = environ["MASTER_ADDR"], int(environ["MASTER_PORT"])
        except (KeyError, ValueError):
            return None
        if not 0 <= rank < world_size or world_size == 1:
            return None
        attempt = f"{environ.get('TORCHELASTIC_RUN_ID', '')}/{environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
        agent = environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
        here = environ.get("LOCAL_WORLD_SIZE", "")
        return cls(rank, world_size, host, port, agent, attempt, int(here) if here.isdecimal() else 0)

    @property
    def command(self) -> str:
        """What starts as many ranks again, with ``...`` for what only the user knows."""
        here = self.here or self.world_size
        nodes = self.world_size // here
        return f"torchrun {f'--nnodes {nodes} ' if nodes > 1 else ''}--nproc-per-node {here}{' ...' * (nodes > 1)}"
