"""Stores for tests: SQLite in a folder, PostgreSQL where it is installed, each test in its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from tests.readers import servers

ENGINES = ("sqlite", "postgresql")


def need_postgresql() -> None:
    """Skip a test by name where PostgreSQL is not installed."""
    if not servers.program("initdb"):
        pytest.skip("PostgreSQL is not installed")


@pytest.fixture(scope="session")
def server() -> Iterator[servers.Postgresql]:
    """A server of PostgreSQL for all tests of a worker, each in a database of its own."""
    need_postgresql()
    with servers.postgresql_server() as found:
        yield found


@contextmanager
def database(server: servers.Postgresql) -> Iterator[str]:
    """Make a database of its own on a server; give its address, as a user would write it."""
    root = sa.create_engine(
        f"postgresql+psycopg://{server.address}",
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
    )
    name = f"t{secrets.token_hex(6)}"
    with root.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    yield f"postgresql://{server.address.rpartition('/')[0]}/{name}"
    with root.connect() as connection:
        connection.execute(sa.text(f"drop database {name} with (force)"))
