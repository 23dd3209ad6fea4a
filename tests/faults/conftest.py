"""One server of commands, one region and one undisturbed run for all tests of this folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.commands import Commands
from tests.faults.regions import make_region


@pytest.fixture(scope="session")
def base() -> Iterator[Path]:
    """A folder in memory where there is one: a thousand small files are written."""
    memory = Path("/dev/shm")
    parent = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=parent))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def region(base: Path) -> Path:
    return make_region(base / "region")


@pytest.fixture(scope="session")
def commands(base: Path, region: Path) -> Iterator[Commands]:
    with Commands(base / "log") as server:
        server.warm("year-end", region, "-o", base / "warm")
        yield server


@pytest.fixture(scope="session")
def whole(commands: Commands, region: Path, base: Path) -> Path:
    """The folder of a run that nothing disturbed."""
    ended = commands.run("year-end", region, "-o", base / "whole")
    assert ended.code == 0, ended.err
    return base / "whole"


@pytest.fixture
def place(base: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """An empty folder for one test, with a folder `tmp` for temporary files."""
    folder = Path(tempfile.mkdtemp(prefix="test-", dir=base))
    folder.chmod(0o755)
    (folder / "tmp").mkdir()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
