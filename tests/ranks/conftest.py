from __future__ import annotations

from collections.abc import Iterator

import pytest
from rank_launcher import Launcher


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    found = Launcher()
    yield found
    found.close()
