"""`drgpay mcp`: five local tools for assistants, over stdio; nothing leaves the machine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from drgpay import __version__
from drgpay.cli.lang import LANG
from drgpay.cli.options import PATH, command, option
from drgpay.ground.errors import DrgpayError, InputError, both
from drgpay.ground.reference import DEFAULT_SCHEME

if TYPE_CHECKING:
    from mcp.server import MCPServer

F = TypeVar("F", bound=Callable[..., Any])
MOST_WAYS = 10
SAYS = (
    "DRG grouping and points of Chinese health insurance, reckoned on this machine. Codes are those "
    "of the Chinese insurance edition (医保版). A preview is no promise of payment; do not use it to "
    "choose codes that the record does not bear out."
)


@command(
    "为助手程序提供五个本地工具（分组、解释、比较、查编码、推导），经标准输入输出；数据不离开本机。",
    "Offer five local tools (group, explain, compare, search codes, why) to assistants over "
    "stdio; nothing leaves the machine.",
    short=("为助手程序提供本地工具（MCP）", "Local tools for assistants (MCP)"),
)
@option("--scheme", "分组方案", "scheme", default=DEFAULT_SCHEME)
@option(
    "--run", "run_dir", "清算结果的文件夹，供推导", "folder of a settled run, for why", type=PATH
)
def mcp(scheme: str, run_dir: Path | None) -> None:
    """Serve until the assistant ends."""
    if find_spec("mcp") is None:
        raise InputError(
            both("没有安装所需的 mcp", "the package mcp is not installed"),
            remedy=both("pip install 'drgpay[mcp]'", "pip install 'drgpay[mcp]'"),
        )
    make_server(scheme, run_dir).run("stdio")


def make_server(scheme: str, run_dir: Path | None) -> MCPServer:
    """Return the server with its tools; the scheme is compiled at the first call."""
    from functools import cache

    from mcp.server import MCPServer

    from drgpay.grouper.engine import Grouper
    from drgpay.grouper.explain import explain as explained
    from drgpay.grouper.versions import VersionedGrouper, any_grouper
    from drgpay.schemes.search import CodeSearch
    from drgpay.why import RunFolder, text
    from drgpay.why import why as derive

    server = MCPServer(
        "drgpay", title="drgpay", version=__version__, instructions=SAYS, log_level="WARNING"
    )

    def tool(function: F) -> F:
        return server.tool()(_told(function))

    @cache
    def grouper() -> Any:
        return any_grouper(Path(scheme) if "/" in scheme else scheme)

    @cache
    def search() -> CodeSearch:
        own = grouper()
        return CodeSearch(own.scheme)

    def of_day(day: str | None) -> Grouper:
        own, date = grouper(), None if day is None else _date(day)
        if not isinstance(own, VersionedGrouper):
            return own  # type: ignore[no-any-return]
        return own.of_day(date)

    def made(own: Grouper, facts: dict[str, Any]) -> dict[str, Any]:
        from dataclasses import asdict

        return {**asdict(own.group_case(**facts)), "scheme": own.scheme.id}

    @tool
    def group(
        sex: str,
        age_years: int,
        diagnoses: list[str],
        procedures: list[str] | None = None,
        los_days: int | None = None,
        age_days: int | None = None,
        birth_weight_g: int | None = None,
        discharge_date: str | None = None,
    ) -> dict[str, Any]:
        """Group one inpatient case: MDC, ADRG, DRG. sex M or F; principal diagnosis first."""
        facts = _facts(sex, age_years, diagnoses, procedures, los_days, age_days, birth_weight_g)
        return made(of_day(discharge_date), facts)

    @tool
    def explain(
        sex: str,
        age_years: int,
        diagnoses: list[str],
        procedures: list[str] | None = None,
        los_days: int | None = None,
        age_days: int | None = None,
        birth_weight_g: int | None = None,
        discharge_date: str | None = None,
    ) -> str:
        """Explain in words why a case is in its group, and which facts would change it."""
        facts = _facts(sex, age_years, diagnoses, procedures, los_days, age_days, birth_weight_g)
        return explained(of_day(discharge_date), **facts).text(LANG)

    @tool
    def compare(
        sex: str, age_years: int, codings: list[list[list[str]]], los_days: int | None = None
    ) -> list[dict[str, Any]]:
        """Group the same stay coded in several ways, each [diagnoses, procedures]."""
        own = of_day(None)
        ways = [(*way, []) for way in codings[:MOST_WAYS]]
        return [
            made(own, _facts(sex, age_years, way[0], way[1], los_days, None, None)) for way in ways
        ]

    @tool
    def search_codes(asked: str, kind: str = "", limit: int = 20) -> list[dict[str, str]]:
        """Find diagnoses, procedures and groups by code, Chinese name or pinyin initials."""
        kinds = {"kinds": (kind,)} if kind else {}
        found = search().find(asked, limit=max(1, min(limit, 100)), **kinds)
        return [{"kind": o.kind, "code": o.code, "name": o.name, "level": o.level} for o in found]

    @tool
    def why(subject: str, name: str) -> str:
        """Derive a figure of the settled run: subject case, hospital, pool or drg, and its id."""
        if run_dir is None:
            raise InputError(
                both("没有给出清算结果", "no settled run was given"),
                remedy=both("drgpay mcp --run 文件夹", "drgpay mcp --run FOLDER"),
            )
        return text(derive(RunFolder(run_dir), subject, name), LANG)

    return server


def _told(function: F) -> F:
    """Let a tool tell what was wrong with what it was asked; else the assistant hears nothing.

    What is raised as another error goes to the log with all that was asked: cases of patients.
    """
    from mcp.server.mcpserver.exceptions import ToolError

    @wraps(function)
    def run(*args: Any, **asked: Any) -> Any:
        try:
            return function(*args, **asked)
        except DrgpayError as error:
            raise ToolError(error.text(LANG)) from None

    return cast(F, run)


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InputError(
            both("discharge_date 不是日期", "discharge_date is no date"),
            remedy=both("如 2025-03-31", "as 2025-03-31"),
        ) from None


def _facts(
    sex: str,
    age_years: int,
    diagnoses: list[str],
    procedures: list[str] | None,
    los_days: int | None,
    age_days: int | None,
    birth_weight_g: int | None,
) -> dict[str, Any]:
    return {
        "sex": sex, "age_years": age_years, "diagnoses": diagnoses,
        "procedures": procedures or [], "los_days": los_days, "age_days": age_days,
        "birth_weight_g": birth_weight_g,
    }  # fmt: skip
