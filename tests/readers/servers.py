"""Servers of databases for tests: each in a folder of its own, on a free port of this machine."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

PASSWORD = "p@ss:w 1"
QUOTED = "p%40ss%3Aw%201"


def program(name: str) -> str | None:
    """Return where a program of a database stands; None where it is not installed."""
    inside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(inside[-1]) if inside else shutil.which(name)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def _running(
    words: Sequence[str], port: int, user: str | None, end: signal.Signals
) -> Iterator[None]:
    server = subprocess.Popen(
        words, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
    )
    try:
        late = time.monotonic() + 60
        while time.monotonic() < late and server.poll() is None:
            with socket.socket() as door:
                if door.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        assert server.poll() is None, "the server does not start"
        yield
    finally:
        server.send_signal(end)
        server.wait(60)


@contextmanager
def _folder(user: str | None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="drgpay-server-"))
    try:
        if user:
            shutil.chown(folder, user)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Postgresql:
    """A server of PostgreSQL in a folder, that can be stopped and started again."""

    def __init__(self, folder: Path, user: str | None) -> None:
        self.data, self.port, self.user = folder / "data", _free_port(), user
        secret = folder / "secret"
        secret.write_text(PASSWORD, encoding="utf-8")
        secret.chmod(0o644)
        words = [str(program("initdb")), "-D", str(self.data), "-U", "zj", "--pwfile", str(secret)]
        words += ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(words, user=user, check=True, capture_output=True, cwd="/")
        self.address = f"zj:{QUOTED}@127.0.0.1:{self.port}/postgres"
        self._words = [str(program("postgres")), "-D", str(self.data), "-p", str(self.port), "-F"]
        self._words += ["-c", f"unix_socket_directories={folder}"]
        self._words += ["-c", "listen_addresses=127.0.0.1"]
        self._running = ExitStack()

    def start(self) -> None:
        """Start, and wait until it answers."""
        self._running.enter_context(_running(self._words, self.port, self.user, signal.SIGINT))
        # its port is open before it lets anybody in
        words = [str(program("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        late = time.monotonic() + 60
        while subprocess.run(words, check=False).returncode:
            assert time.monotonic() < late, "the server lets nobody in"
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop at once: who is connected is cut off."""
        self._running.close()


@contextmanager
def postgresql_server() -> Iterator[Postgresql]:
    """Run an empty server of PostgreSQL."""
    user = "nobody" if os.geteuid() == 0 else None  # it does not run as root
    with _folder(user) as folder:
        server = Postgresql(folder, user)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def postgresql(sql: str) -> Iterator[str]:
    """Run a server of PostgreSQL that holds what `sql` makes; give its address."""
    with postgresql_server() as server:
        from adbc_driver_postgresql import dbapi

        with (
            dbapi.connect(f"postgresql://{server.address}", autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            for statement in sql.split(";\n"):
                cursor.execute(statement)
        yield server.address


@contextmanager
def mariadb(sql: str) -> Iterator[str]:
    """Run a server of MariaDB that holds what `sql` makes; give its address."""
    import pymysql

    user = "root" if os.geteuid() == 0 else None
    with _folder(None) as folder:
        data, port = folder / "data", _free_port()
        common = ["--no-defaults", f"--datadir={data}", *([f"--user={user}"] if user else [])]
        words = [str(program("mariadb-install-db")), *common, "--skip-test-db"]
        words.append("--auth-root-authentication-method=normal")
        subprocess.run(words, check=True, capture_output=True)
        words = [str(program("mariadbd")), *common, f"--port={port}", "--bind-address=127.0.0.1"]
        words += [f"--socket={folder}/s", f"--pid-file={folder}/p"]
        with _running(words, port, None, signal.SIGTERM):
            with pymysql.connect(unix_socket=f"{folder}/s", user="root") as connection:
                with connection.cursor() as cursor:
                    made = f"create database his;\ncreate user zj identified by '{PASSWORD}';\n"
                    made += f"grant all on *.* to zj;\nuse his;\n{sql}"
                    for statement in made.split(";\n"):
                        cursor.execute(statement)
                connection.commit()
            yield f"zj:{QUOTED}@127.0.0.1:{port}/his"
