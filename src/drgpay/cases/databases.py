"""Tables of databases as a stream of cases: through DuckDB, else through the database's own driver.

DuckDB loads an extension for each kind of database, where it has been installed. Without it SQLite
is read by Python itself, PostgreSQL and MySQL by psycopg and pymysql; where these are missing, too,
DuckDB is asked to fetch its extension. Only reading is done.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa

from drgpay.cases.expansion import FEWEST_ROWS
from drgpay.cases.files import Unchanged
from drgpay.cases.mapping import HeaderMapping
from drgpay.cases.options import ReadOptions
from drgpay.cases.pieces import Piece, Source, of_batches
from drgpay.ground.errors import Bilingual, DrgpayError, InputError, both

# kind → DuckDB's extension and type, Python's driver, the extra that installs it
EXTENSIONS = {"sqlite": "sqlite", "postgresql": "postgres", "mysql": "mysql"}
DRIVERS = {"postgresql": ("psycopg", "drgpay[postgres]"), "mysql": ("pymysql", "drgpay[mysql]")}
SYNONYMS = {"postgres": "postgresql", "mariadb": "mysql"}
ROWS_A_BATCH = 50_000
_STEPS = 100_000  # of SQLite's machine, some milliseconds, after which it looks at the clock
VIEW_ROWS = (
    FEWEST_ROWS  # of a file of SQLite, whatever its size; a larger one may have a row a byte
)
# a path given on the command line has lost one of the two slashes
_ADDRESS = re.compile(r"(sqlite|postgresql|postgres|mysql|mariadb):(.+)", re.DOTALL)
SQLITE_HEAD = b"SQLite format 3\0"
Batches = Iterator[pa.RecordBatch]


def is_address(text: str) -> bool:
    """Whether a text is the address of a database.

    >>> is_address("sqlite:cases.db?table=t"), is_address("cases.db")
    (True, False)
    """
    return _ADDRESS.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Address:
    """A database and a table of it; `shown` is the address without the password."""

    kind: str
    table: str
    shown: str
    path: Path | None = None
    host: str = ""
    port: int | None = None
    user: str = ""
    password: str = ""
    database: str = ""

    def quoted_table(self, mark: str = '"') -> str:
        """Return the table as it stands in SQL, with its schema where it is given."""
        parts = [part for part in self.table.split(".") if part]
        return ".".join(mark + part.replace(mark, mark * 2) + mark for part in parts)


def read_address(text: str, table: str | None) -> Address:
    """Return what an address says; raises InputError when it names no table."""
    found = _ADDRESS.fullmatch(text)
    kind = SYNONYMS.get(found[1], found[1]) if found else ""
    rest = found[2] if found else ""
    if kind == "sqlite":
        name, _, query = rest.partition("?")
        if name.startswith("//"):
            name = "/" + name.lstrip("/")
        said = parse_qs(query).get("table", [""])[0] or table or ""
        address = Address(kind, said, name, Path(name))
    else:
        parts = urlsplit(f"{kind}://{rest.lstrip('/')}")
        said = parse_qs(parts.query).get("table", [""])[0] or table or ""
        host, database = parts.hostname or "localhost", unquote(parts.path.lstrip("/"))
        user = unquote(parts.username or "")
        shown = f"{kind}://{user + '@' if user else ''}{host}/{database}"
        try:
            port = parts.port
        except ValueError:
            raise InputError(
                both("端口不是数字", "the port is no number"),
                where=shown,
                remedy=both("核对数据库地址", "check the address"),
            ) from None
        password = unquote(parts.password or "")
        address = Address(kind, said, shown, None, host, port, user, password, database)
    if not address.table:
        raise InputError(
            both("没有写明读哪张表", "no table is named"),
            where=address.shown,
            remedy=both(
                "用 --table 写明表或视图的名称，或在地址后加 ?table=表名",
                "name a table or view with --table, or end the address with ?table=NAME",
            ),
        )
    return address


def open_database(
    text: str,
    wanted: Sequence[str] | None,
    purpose: str,
    options: ReadOptions,
    mapping: HeaderMapping,
) -> Source:
    """Return the stream of cases of a table or view of SQLite, PostgreSQL or MySQL.

    Raises InputError for a database or table that cannot be read; no message holds a password.
    """
    address = read_address(text, options.table)
    watch = None if address.path is None else Unchanged(address.path)
    if address.path is not None:
        _check_sqlite(address.path)
    clock = Clock(options.wait)
    schema, batches = _opened(address, clock)
    name = f"{address.path.name if address.path else address.shown}[{address.table}]"
    where = f"{address.shown}[{address.table}]"
    batches = _in_time(batches, address, clock)
    found = of_batches(batches, schema, where, None, wanted, purpose, mapping)

    most = None if address.path is None else max(VIEW_ROWS, address.path.stat().st_size)

    def pieces() -> Iterator[Piece]:
        try:
            for piece in found.pieces:
                if most is not None and piece.first_row > most:
                    raise _no_end(address, most)
                yield Piece(name, piece.first_row, piece.load, piece.numbers)
        except Exception as error:
            raise _unreadable(address, error, clock) from None
        if watch is not None:
            watch.check()

    return Source(pieces(), None, (address.shown,), [], found.unknown, found.notes)


class Clock:
    """Interrupts a query that has given no rows for some seconds; `late` says that it did."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.late = False
        self.until = time.monotonic() + seconds
        self.timer: threading.Timer | None = None

    def begin(self, interrupt: Callable[[], object] | None = None) -> None:
        """Begin to count; `interrupt` is called when the time is over."""
        self.end()
        self.until = time.monotonic() + self.seconds
        if interrupt is not None:
            self.timer = threading.Timer(self.seconds, self._over, [interrupt])
            self.timer.daemon = True
            self.timer.start()

    def end(self) -> None:
        """Count no further: rows have come."""
        self.until = math.inf
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def is_over(self) -> bool:
        """Whether the time is over, asked by a query that looks for itself."""
        self.late = self.late or time.monotonic() > self.until
        return self.late

    def _over(self, interrupt: Callable[[], object]) -> None:
        self.late = True
        interrupt()


def _in_time(batches: Batches, address: Address, clock: Clock) -> Batches:
    """Yield batches; a query that was interrupted, since no rows came in time, is an InputError."""
    try:
        yield from batches
    except Exception as error:
        raise _unreadable(address, error, clock) from None
    finally:
        clock.end()


def _too_slow(address: Address, clock: Clock) -> InputError:
    return InputError(
        both(
            f"{clock.seconds}秒内没有给出下一批行，已停止查询：视图可能算不完",
            f"no further rows came within {clock.seconds} seconds, and the query was stopped: the "
            "view may have no end",
        ),
        where=f"{address.shown}[{address.table}]",
        remedy=both(
            "核对视图的定义，把结果存为一张表再读，或用 --wait 放宽秒数",
            "check how the view is made, store its rows in a table, or give it more time with --wait",
        ),
    )


def _no_end(address: Address, most: int) -> InputError:
    return InputError(
        both(
            f"视图的行数超过{most:,}，多于文件所能存放：它可能没有尽头",
            f"the view has more than {most:,} rows, more than its file can hold: it may have no end",
        ),
        where=f"{address.shown}[{address.table}]",
        remedy=both(
            "核对视图的定义，或把要读的行存为一张表",
            "check how the view is made, or store the rows to be read in a table",
        ),
    )


def _check_sqlite(path: Path) -> None:
    if not path.is_file():
        raise InputError(
            both("没有这个文件", "no such file"),
            where=path,
            remedy=both("核对路径", "check the path"),
        )
    with path.open("rb") as stream:
        if stream.read(len(SQLITE_HEAD)) != SQLITE_HEAD:
            raise InputError(
                both("不是SQLite数据库", "not a SQLite database"),
                where=path,
                remedy=both("核对文件", "check the file"),
            )


def _opened(address: Address, clock: Clock) -> tuple[pa.Schema, Batches]:
    """Return the table's stream: by DuckDB's extension, else a driver, else a fetched extension."""
    try:
        return (
            _loaded(address, clock)
            or _driven(address, clock)
            or _by_duckdb(address, clock, fetch=True)
            or _nothing_reads(address)
        )
    except Exception as error:
        raise _unreadable(address, error, clock) from None


def _loaded(address: Address, clock: Clock) -> tuple[pa.Schema, Batches] | None:
    try:
        return _by_duckdb(address, clock, fetch=False)
    except Exception:
        if (
            address.kind == "sqlite" and not clock.late
        ):  # Python reads what the extension's strict types refuse
            return None
        raise


def _driven(address: Address, clock: Clock) -> tuple[pa.Schema, Batches] | None:
    read: dict[str, Callable[[Address, Clock], tuple[pa.Schema, Batches]]] = {
        "sqlite": _by_sqlite,
        "postgresql": _by_psycopg,
        "mysql": _by_pymysql,
    }
    try:
        return read[address.kind](address, clock)
    except ImportError:
        return None


def _nothing_reads(address: Address) -> tuple[pa.Schema, Batches]:
    driver, extra = DRIVERS[address.kind]
    raise InputError(
        both(
            f"读取 {address.kind} 需要DuckDB的扩展或 {driver}，两者都没有",
            f"reading {address.kind} takes DuckDB's extension or {driver}: neither is there",
        ),
        where=address.shown,
        remedy=both(
            f"安装：pip install '{extra}'；能联网时DuckDB会自行下载扩展",
            f"pip install '{extra}'; with a network DuckDB fetches its extension itself",
        ),
    )


def _by_duckdb(address: Address, clock: Clock, *, fetch: bool) -> tuple[pa.Schema, Batches] | None:
    import duckdb

    extension = EXTENSIONS[address.kind]
    connection = duckdb.connect(config={"autoinstall_known_extensions": fetch})
    try:
        connection.execute(f"LOAD {extension}")
    except duckdb.Error:
        if not fetch:
            connection.close()
            return None
        try:
            connection.execute(f"INSTALL {extension}")
            connection.execute(f"LOAD {extension}")
        except duckdb.Error:
            connection.close()
            return None
    if address.path is not None:
        target = str(address.path)
        connection.execute("SET sqlite_all_varchar = true")
    else:
        database = "dbname" if address.kind == "postgresql" else "database"
        facts = {
            "host": address.host,
            "port": address.port,
            "user": address.user,
            "password": address.password,
            database: address.database,
        }
        target = " ".join(f"{key}={_word(value)}" for key, value in facts.items() if value)
    quoted = target.replace("'", "''")
    connection.execute(f"ATTACH '{quoted}' AS source (TYPE {extension}, READ_ONLY)")
    clock.begin(connection.interrupt)
    reader: Any = connection.execute(
        f"SELECT * FROM source.{address.quoted_table()}"
    ).to_arrow_reader(ROWS_A_BATCH)
    clock.end()

    def batches() -> Batches:
        with closing(connection):
            while True:
                clock.begin(connection.interrupt)
                batch = next(reader, None)
                clock.end()
                if batch is None:
                    return
                yield batch

    return reader.schema, batches()


def _word(value: object) -> str:
    """Return a value of a connection string, quoted where it is not plain."""
    text = str(value)
    if re.fullmatch(r"[\w.\-]+", text):
        return text
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _by_sqlite(address: Address, clock: Clock) -> tuple[pa.Schema, Batches]:
    import sqlite3

    assert address.path is not None
    uri = f"{address.path.resolve().as_uri()}?mode=ro"
    # the stream may be read on another thread than the one that opened it
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
    connection.set_progress_handler(clock.is_over, _STEPS)
    clock.begin()
    try:
        cursor = connection.execute(f"SELECT * FROM {address.quoted_table()}")
    except sqlite3.Error:
        connection.close()
        raise
    return _texts_of(cursor, connection, clock)


def _by_psycopg(address: Address, clock: Clock) -> tuple[pa.Schema, Batches]:
    import psycopg

    connection = psycopg.connect(
        host=address.host,
        port=address.port,
        user=address.user or None,
        password=address.password or None,
        dbname=address.database or None,
    )
    connection.read_only = True
    cursor = connection.cursor("drgpay")  # a cursor on the server: rows come in portions
    cursor.itersize = ROWS_A_BATCH
    clock.begin(connection.cancel)
    cursor.execute(f"SELECT * FROM {address.quoted_table()}")
    return _texts_of(cursor, connection, clock, connection.cancel)


def _by_pymysql(address: Address, clock: Clock) -> tuple[pa.Schema, Batches]:
    import pymysql
    import pymysql.cursors

    connection = pymysql.connect(
        host=address.host,
        port=address.port or 3306,
        user=address.user or None,
        password=address.password,
        database=address.database or None,
        charset="utf8mb4",
        cursorclass=pymysql.cursors.SSCursor,
        read_timeout=clock.seconds,
    )
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
    rows = connection.cursor()
    rows.execute(f"SELECT * FROM {address.quoted_table('`')}")
    return _texts_of(rows, connection, clock)


def _texts_of(
    cursor: Any, connection: Any, clock: Clock, interrupt: Callable[[], object] | None = None
) -> tuple[pa.Schema, Batches]:
    """Return the rows of a driver's cursor as batches of texts, which our parsers read."""
    names = [str(column[0]) for column in cursor.description]
    schema = pa.schema([(name, pa.string()) for name in names])

    def batches() -> Batches:
        try:
            while True:
                clock.begin(interrupt)
                rows = cursor.fetchmany(ROWS_A_BATCH)
                clock.end()
                if not rows:
                    return
                columns = [
                    pa.array(map(_text, values), pa.string()) for values in zip(*rows, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
        finally:
            with suppress(Exception):
                connection.close()

    return schema, batches()


def _text(value: object) -> str | None:
    """Return a value of a database as text; binary floats with the digits that they stand for."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return str(int(value)) if value == value // 1 and abs(value) < 1e15 else f"{value:.15g}"
    if isinstance(value, bytes):
        return value.decode("utf-8")  # bytes that are no text cannot be read
    return str(value)


def _why(text: str, error: Exception) -> str:
    """Return in Chinese what a driver says in English, as far as it is understood."""
    if isinstance(error, UnicodeDecodeError):
        return "有的字段是二进制内容，不是UTF-8文字"
    for words, chinese in _SAYINGS:
        if any(word in text.lower() for word in words):
            return chinese
    return "原因见英文说明（--lang en）"


_SAYINGS = (
    (("no such table", "does not exist", "doesn't exist"), "没有这张表或视图"),
    (("malformed", "not a database", "corrupt"), "数据库文件已损坏"),
    (("locked",), "数据库正被别的程序占用"),
    (("password", "authentication", "access denied"), "用户名或密码不对，或没有权限"),
    (("refused", "could not connect", "timed out", "timeout", "translate host"), "连接不上数据库"),
)


def _unreadable(address: Address, error: Exception, clock: Clock) -> DrgpayError:
    if isinstance(error, DrgpayError):
        return error
    if clock.is_over():
        return _too_slow(address, clock)
    first = (str(error) or type(error).__name__).strip().splitlines()[0]
    for secret in {address.password, _word(address.password)} - {"", "''"}:
        first = first.replace(secret, "***")
    what: Bilingual = both(
        f"读不出表“{address.table}”", f"table {address.table!r} cannot be read: {first}"
    )
    return InputError(
        both(f"{what.chinese}：{_why(first, error)}", str(what)),
        where=address.shown,
        remedy=both(
            "核对地址、表名和读取权限；另可导出为CSV或Parquet",
            "check the address, the table and the right to read it, or export it as CSV or Parquet",
        ),
    )
