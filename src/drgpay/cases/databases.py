"""Tables of databases as a stream of cases: PostgreSQL by ADBC, every other one by SQLAlchemy.

Only reading is done. What runs in the database runs on a thread of its own, so that a view which
gives no further rows, and Ctrl-C, end the reading whatever the driver does.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qs

import pyarrow as pa

from drgpay.cases.expansion import FEWEST_ROWS
from drgpay.cases.files import Unchanged, no_file
from drgpay.cases.mapping import Asked
from drgpay.cases.pieces import Piece, Source, of_batches
from drgpay.ground.errors import DrgpayError, InputError, both

if TYPE_CHECKING:
    from sqlalchemy import URL

T = TypeVar("T")
ROWS_A_BATCH = 50_000
VIEW_ROWS = (
    FEWEST_ROWS  # of a file of SQLite, whatever its size; a larger one may have a row a byte
)
SQLITE_HEAD = b"SQLite format 3\0"
ADBC: Final = "adbc"

# name in an address → who reads it (ADBC, or SQLAlchemy's dialect and driver), what installs that
_POSTGRESQL = (ADBC, "drgpay[postgres]")
_MYSQL = ("mysql+pymysql", "drgpay[mysql]")
KINDS: Final = {
    "sqlite": ("sqlite", "drgpay"),
    "postgresql": _POSTGRESQL,
    "kingbase": _POSTGRESQL,
    "opengauss": _POSTGRESQL,
    "gaussdb": _POSTGRESQL,
    "mysql": _MYSQL,
    "tidb": _MYSQL,
    "oceanbase": _MYSQL,
    "mssql": ("mssql+pymssql", "drgpay[mssql]"),
    "oracle": ("oracle+oracledb", "drgpay[oracle]"),
    "dm": ("dm+dmPython", "drgpay[dm]"),
}
SYNONYMS: Final = {"postgres": "postgresql", "mariadb": "mysql"}
# a path given on the command line has lost one of the two slashes; a drive has a single letter
_ADDRESS: Final = re.compile(
    rf"({'|'.join([*KINDS, *SYNONYMS])}|[a-z][a-z0-9_]+(?:\+\w+)?(?=:/)):(.+)", re.DOTALL
)
# of drivers whose queries cannot be stopped from outside: how they are told to give up by themselves
PATIENCE: Final = {"pymysql": "read_timeout", "mysqldb": "read_timeout", "pymssql": "timeout"}
# said before the query, so that no function in a view can write; who does not know it goes on
READ_ONLY: Final = {
    "postgresql": "SET TRANSACTION READ ONLY",
    "oracle": "SET TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}


def is_address(text: str) -> bool:
    """Whether a text is the address of a database.

    >>> is_address("sqlite:cases.db?table=t"), is_address("cases.db")
    (True, False)
    """
    return _ADDRESS.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Address:
    """A database and a table of it; `shown` is the address without password and options.

    `reader` is ADBC or a dialect of SQLAlchemy, `package` what pip installs for it.
    """

    table: str
    shown: str
    reader: str
    package: str
    url: URL
    path: Path | None = None

    def secrets(self) -> Iterator[str]:
        """Yield what no message may show."""
        for name, value in [("password", self.url.password), *self.url.query.items()]:
            if value and re.search("pass|pwd|secret|token|key", name.lower()):
                yield from [str(value)] if isinstance(value, str) else value


def read_address(text: str | Path, table: str | None) -> Address:
    """Return what an address, or the path of a file of SQLite, says.

    Raises InputError when it names no table or its port is no number.
    """
    from sqlalchemy import URL, make_url

    found = None if isinstance(text, Path) else _ADDRESS.fullmatch(text)
    name, rest = (SYNONYMS.get(found[1], found[1]), found[2]) if found else ("sqlite", str(text))
    reader, package = KINDS.get(name, (name, ""))
    said, path = table, None
    if name == "sqlite":
        if found:
            rest, _, query = rest.partition("?")
            said = parse_qs(query).get("table", [""])[0] or table
        shown = "/" + rest.lstrip("/") if rest.startswith("//") else rest
        path = Path(shown)
        file = path.absolute().as_uri()
        url = URL.create("sqlite", database=file, query={"mode": "ro", "uri": "true"})
    else:
        rest = rest[2:] if rest.startswith("//") else rest.lstrip("/")
        try:
            url = make_url(f"{name}://{rest}")
        except ValueError:  # no text of an address is shown that may hold a password
            raise InputError(
                both("端口不是数字", "the port is no number"),
                where=f"{name}://…",
                remedy=both(
                    "核对数据库地址：名称://用户:密码@主机:端口/库，密码中的 @ 写作 %40",
                    "check the address: NAME://USER:PASSWORD@HOST:PORT/DATABASE, an @ in a "
                    "password written %40",
                ),
            ) from None
        said = str(url.query.get("table", "")) or table
        url = url.difference_update_query(["table"])
        if not url.host and "host" not in url.query and name in KINDS:
            url = url.set(host="localhost")
        shown = f"{name}://{url.username + '@' if url.username else ''}{url.host or ''}/"
        shown += url.database or ""
        url = url.set(drivername="postgresql" if reader == ADBC else reader)
    if not said:
        raise InputError(
            both("没有写明读哪张表", "no table is named"),
            where=shown,
            remedy=both(
                "用 --table 写明表或视图的名称，或在地址后加 ?table=表名",
                "name a table or view with --table, or end the address with ?table=NAME",
            ),
        )
    return Address(said, shown, reader, package, url, path)


def open_database(text: str | Path, asked: Asked) -> Source:
    """Return the stream of cases of a table or view of a database.

    Raises InputError for a database or table that cannot be read; no message holds a password.
    """
    address = read_address(text, asked.options.table)
    path, watch, most = address.path, None, None
    if path is not None:
        _check_sqlite(path)
        watch, most = Unchanged(path), max(VIEW_ROWS, path.stat().st_size)
    query = _Patient(address, asked.options.wait)
    schema = query.begin()
    where = f"{address.shown}[{address.table}]"
    try:
        found = of_batches(query.batches(), schema, where, None, asked)
    except DrgpayError:
        query.close()
        raise

    def pieces() -> Iterator[Piece]:
        try:
            for piece in found.pieces:
                if most is not None and piece.first_row > most:
                    raise _no_end(address, most)
                yield Piece(name, piece.first_row, piece.load, piece.numbers)
        finally:
            query.close()
        if watch is not None:
            watch.check()

    name = f"{path.name if path else address.shown}[{address.table}]"
    return Source(pieces(), None, (address.shown,), [], found.unknown, found.notes)


class _ByAdbc:
    """All rows of a table: `begin` asks for them, `next` gives some, `stop` is for other threads.

    A query of PostgreSQL, or of what speaks as it does: the rows come as Arrow."""

    def __init__(self, address: Address) -> None:
        from adbc_driver_postgresql import dbapi

        uri = address.url.render_as_string(hide_password=False).replace(" ", "%20")
        self.connection: Any = dbapi.connect(uri)
        self.cursor: Any = self.connection.cursor()
        self.table = address.table

    def begin(self) -> pa.Schema:
        self.cursor.execute(READ_ONLY["postgresql"])
        table = ".".join(map(_marked, self.table.split(".")))
        schema: pa.Schema = self.cursor.adbc_execute_schema(f"SELECT * FROM {table}")
        columns = [_marked(field.name) + _cast(field.type) for field in schema]
        self.cursor.execute(f"SELECT {', '.join(columns)} FROM {table}")
        self.reader = self.cursor.fetch_record_batch()
        return self.reader.schema

    def next(self) -> pa.RecordBatch | None:
        return next(self.reader, None)

    def stop(self) -> None:
        self.cursor.adbc_cancel()

    def close(self) -> None:
        self.cursor.close()
        self.connection.close()


def _cast(kind: pa.DataType) -> str:
    """Return how a column is asked for, so that it comes with the digits that the table shows."""
    if pa.types.is_float32(kind):
        return "::text::numeric"
    known = (pa.types.is_primitive(kind) and not pa.types.is_interval(kind)) or (
        pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_list(kind)
    )
    return "" if known else "::text"


def _marked(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class _BySqlAlchemy:
    """A query by a dialect of SQLAlchemy: the rows are made texts, which our parsers read."""

    def __init__(self, address: Address, seconds: int) -> None:
        from sqlalchemy import NullPool, create_engine

        name = PATIENCE.get(address.url.get_driver_name())
        told = {name: seconds + 5} if name else {}
        self.engine = create_engine(address.url, poolclass=NullPool, connect_args=told)
        self.connection = self.engine.connect()
        self.result: Any = None
        self.table = address.table

    def begin(self) -> pa.Schema:
        from sqlalchemy import exc, select, table, text

        if said := READ_ONLY.get(self.engine.dialect.name):
            with suppress(exc.DBAPIError):
                self.connection.exec_driver_sql(said)
        schema, _, name = self.table.rpartition(".")
        rows = select(text("*")).select_from(table(name, schema=schema or None))
        portions = self.connection.execution_options(yield_per=ROWS_A_BATCH)
        self.result = portions.execute(rows)
        names = list(self.result.keys())
        self.schema = pa.schema([(column, pa.string()) for column in names])
        return self.schema

    def next(self) -> pa.RecordBatch | None:
        rows = self.result.fetchmany(ROWS_A_BATCH)
        if not rows:
            return None
        columns = [pa.array(map(_text, cells), pa.string()) for cells in zip(*rows, strict=True)]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def stop(self) -> None:
        driver: Any = self.connection.connection.driver_connection
        for name in ("interrupt", "cancel"):
            if hasattr(driver, name):
                getattr(driver, name)()

    def close(self) -> None:
        driver: Any = self.connection.connection.driver_connection
        unread: Any = getattr(driver, "_result", None)
        if hasattr(unread, "unbuffered_active"):  # pymysql would first fetch all rows that are left
            unread.unbuffered_active = False
        if self.result is not None:
            self.result.close()
        self.connection.invalidate()
        self.engine.dispose()


class _Patient:
    """A query that is waited for so many seconds at each step, and left when they are over."""

    def __init__(self, address: Address, seconds: int) -> None:
        self.address = address
        self.seconds = seconds
        self.query: _ByAdbc | _BySqlAlchemy | None = None

    def begin(self) -> pa.Schema:
        """Connect and ask for the rows."""

        def connected() -> _ByAdbc | _BySqlAlchemy:
            if self.address.reader == ADBC:
                return _ByAdbc(self.address)
            return _BySqlAlchemy(self.address, self.seconds)

        self.query = self._waited(connected)
        return self._waited(self.query.begin)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows; whatever stops them is an InputError."""
        assert self.query is not None
        try:
            while (batch := self._waited(self.query.next)) is not None:
                yield batch
        finally:
            self.close()

    def _waited(self, step: Callable[[], T]) -> T:
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(step())
            except BaseException as error:
                done.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        try:
            return done.result(self.seconds)
        except BaseException as error:
            if not done.done():  # too late, or Ctrl-C: the step itself closes, when it has ended
                query, self.query = self.query, None
                if query is not None:
                    done.add_done_callback(lambda _: _quietly(query.close))
                    _quietly(query.stop)
                if isinstance(error, TimeoutError):
                    raise _too_slow(self.address, self.seconds) from None
            self.close()
            if not isinstance(error, Exception):
                raise
            raise _unreadable(self.address, error) from None

    def close(self) -> None:
        """Leave the database."""
        query, self.query = self.query, None
        if query is not None:
            _quietly(query.close)


def _quietly(step: Callable[[], object]) -> None:
    with suppress(Exception):
        step()


def _too_slow(address: Address, seconds: int) -> InputError:
    return InputError(
        both(
            f"{seconds}秒内没有给出下一批行，已停止查询：视图可能算不完",
            f"no further rows came within {seconds} seconds, and the query was stopped: the "
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
        raise no_file(path)
    with path.open("rb") as stream:
        if stream.read(len(SQLITE_HEAD)) != SQLITE_HEAD:
            raise InputError(
                both("不是SQLite数据库", "not a SQLite database"),
                where=path,
                remedy=both("核对文件", "check the file"),
            )


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


def _missing(address: Address, error: Exception) -> InputError:
    """Return what is said where the reader of a kind of database is not installed."""
    kind = address.shown.partition(":")[0]
    module = getattr(error, "name", None) or address.url.drivername
    known = f"pip install '{address.package}'"
    return InputError(
        both(
            f"读取 {kind} 需要 {module}，没有安装",
            f"reading {kind} takes {module}, which is not installed",
        ),
        where=address.shown,
        remedy=both(
            f"安装：{known}" if address.package else "安装这种数据库的SQLAlchemy方言，或核对地址",
            known if address.package else "install its dialect of SQLAlchemy, or check the address",
        ),
    )


def _unreadable(address: Address, error: Exception) -> DrgpayError:
    if isinstance(error, DrgpayError):
        return error
    if isinstance(error, ImportError) or type(error).__name__ == "NoSuchModuleError":
        return _missing(address, error)
    said = getattr(error, "orig", None) or error  # of the driver, without SQLAlchemy's preface
    text = " ".join(map(str, said.args)) if len(said.args) > 1 else str(said)
    first = (text.strip() or type(said).__name__).splitlines()[0]
    for secret in address.secrets():
        first = first.replace(secret, "***")
    return InputError(
        both(
            f"读不出表“{address.table}”：{_why(first, said)}",
            f"table {address.table!r} cannot be read: {first}",
        ),
        where=address.shown,
        remedy=both(
            "核对地址、表名和读取权限；另可导出为CSV或Parquet",
            "check the address, the table and the right to read it, or export it as CSV or Parquet",
        ),
    )
