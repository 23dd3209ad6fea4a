"""What the commands of the service share: where its data lies, and the extra that brings it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drgpay.cli.options import PATH, option
from drgpay.ground.environment import environment
from drgpay.ground.errors import InputError, both

if TYPE_CHECKING:
    from drgpay.service.store import Store

DATA = "drgpay-service"


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --data and --database."""
    data = option(
        "--data",
        "服务的数据文件夹",
        "folder of the service's data",
        type=PATH,
        default=lambda: environment().get("DRGPAY_DATA", DATA),
        show_default=f"DRGPAY_DATA, {DATA}",
    )
    database = option(
        "--database",
        "PostgreSQL地址；默认用数据文件夹中的SQLite",
        "address of a PostgreSQL database; default: SQLite inside --data",
        default=lambda: environment().get("DRGPAY_DATABASE", ""),
        show_default="DRGPAY_DATABASE",
    )
    return data(database(_told(command)))


def _told(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command tell a store that is full, busy or away as what it is, no fault of the program."""

    @wraps(command)
    def run(*args: Any, **asked: Any) -> Any:
        try:
            return command(*args, **asked)
        except Exception as error:
            if not find_spec("sqlalchemy"):
                raise
            from sqlalchemy.exc import (
                InternalError,
                OperationalError,
                ProgrammingError,
                TimeoutError,
            )

            if not isinstance(
                error, (OperationalError, InternalError, ProgrammingError, TimeoutError)
            ):
                raise
            from drgpay.ground.database import remedy_of, what_fails

            raise InputError(
                what_fails(error), where="--data --database", remedy=remedy_of(error)
            ) from None

    return run


def need_service() -> None:
    """Fail if the extra that brings the service is not installed; raises InputError."""
    lacking = [n for n in ("fastapi", "uvicorn", "alembic", "limits") if find_spec(n) is None]
    if lacking:
        raise InputError(
            both(
                f"没有安装服务所需的 {'、'.join(lacking)}",
                f"the service needs {', '.join(lacking)}",
            ),
            remedy=both("pip install 'drgpay[service]'", "pip install 'drgpay[service]'"),
        )


def open_store(data: Path, database: str) -> tuple[Store, bytes]:
    """Return the store of a service, in its newest form, and its secret."""
    need_service()
    from drgpay.service.settings import Settings, secret_of
    from drgpay.service.store import Store, private_folder

    settings = Settings(data=private_folder(data), database=database)
    store = Store(settings.url)
    store.upgrade()
    return store, secret_of(data)
