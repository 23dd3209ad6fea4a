"""The server is killed at any moment under load: accepted jobs finish, none twice, none lost."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.killing import JOBS, SERVER, Killed, check, made, under_load

KILLS = int(os.environ.get("DRGPAY_KILLS", 60))


@pytest.fixture
def killed(tmp_path: Path, ex1_run: Path) -> Iterator[Killed]:
    """A server to be killed."""
    served = made(tmp_path / "data", ex1_run)
    try:
        yield served
    finally:
        served.stop()


@pytest.mark.long
def test_jobs__outlive_a_kill_of_each_kind(killed: Killed) -> None:
    under_load(killed, (JOBS, SERVER), random.Random(11), senders=1, pause=0.6)
    print(check(killed))


@pytest.mark.long
def test_jobs__outlive_many_kills(killed: Killed) -> None:
    rng = random.Random()
    kinds = [rng.choice((SERVER, SERVER, JOBS)) for _ in range(KILLS)]
    under_load(killed, kinds, rng, senders=4)
    print(check(killed, 600))
