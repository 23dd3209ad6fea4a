"""`drgpay serve`: the service for hospitals and the agency."""

from __future__ import annotations

from pathlib import Path

import click

from drgpay.cli.demo_book import BOOK as DEMO_BOOK
from drgpay.cli.options import PATH, command, flag, option
from drgpay.cli.serve_demo import demo_city
from drgpay.cli.serving import data_options, need_service
from drgpay.cli.told import say
from drgpay.ground.environment import environment
from drgpay.ground.errors import InputError, both
from drgpay.policy.budget import BUDGET_POLICY


@command(
    "启动服务：医疗机构试分组、批量试算、查看本院，经办机构查看全区；网页与API同一地址。"
    "数据存放在 --data 文件夹；多进程（--workers）须用PostgreSQL（--database）。",
    "Serve: hospitals preview their cases, the agency sees the region; pages and API at one "
    "address. Data lie in --data; several --workers need PostgreSQL (--database).",
    short=("启动服务（网页与API）", "Serve pages and API"),
)
@data_options
@option("--host", "监听地址", "address to listen at", default="127.0.0.1")
@option("--port", "端口", "port", type=click.IntRange(0, 65535), default=8000)
@option("--workers", "进程数", "processes", type=click.IntRange(1, 64), default=1)
@option(
    "--publish",
    "先发布此结果文件夹（年度或月度），可多次给出",
    "publish this result folder first (a year or a month); may be repeated",
    type=PATH,
    multiple=True,
)
@option(
    "--scheme",
    "已发布结果的分组方案：不是内置方案时，给出其文件夹",
    "the scheme of the published results, by its folder where it is not a bundled one",
    default="",
    show_default=False,
)
@option(
    "--region",
    "区域文件夹，经办机构在网页上用它试算",
    "the region's folder, on which the agency tries settings in the pages",
    default="",
    show_default=False,
)
@option(
    "--book",
    "年度账（文件或PostgreSQL地址）：网页上办理复核、审批，医疗机构看本院账目",
    "the year's book (a file or an address of PostgreSQL): proposals are checked and approved in the "
    "pages, hospitals see their accounts",
    default=lambda: environment().get("DRGPAY_BOOK", ""),
    show_default="DRGPAY_BOOK",
)
@option(
    "--budget-policy",
    "年度账的总额控制政策",
    "the book's budget policy, by name or file",
    default=BUDGET_POLICY,
)
@option(
    "--rate",
    "rates",
    "限额，如 preview=6000/minute",
    "a limit, as preview=6000/minute",
    multiple=True,
    metavar="NAME=LIMIT",
)
@flag("--secure", "只经HTTPS：会话cookie加Secure", "behind HTTPS: cookies are marked Secure")
@flag("--behind-proxy", "在反向代理之后：取X-Forwarded-*", "behind a proxy: take X-Forwarded-*")
@flag(
    "--demo",
    "演示：虚构城市、已发布的年度与月度结果、每种角色一个密钥",
    "demo: an invented city with its published year and months, and a key of each role",
)
def serve(
    data: Path,
    database: str,
    host: str,
    port: int,
    workers: int,
    publish: tuple[Path, ...],
    scheme: str,
    region: str,
    book: str,
    budget_policy: str,
    rates: tuple[str, ...],
    secure: bool,
    behind_proxy: bool,
    demo: bool,
) -> None:
    """Serve."""
    need_service()
    from drgpay.service.published import publish as publish_run
    from drgpay.service.server import bound
    from drgpay.service.server import serve as run
    from drgpay.service.settings import Settings, oidc_of
    from drgpay.service.store import Store, private_folder

    if workers > 1 and (not database or database.startswith("sqlite")):
        raise InputError(
            both("多进程须用PostgreSQL", "several workers need PostgreSQL"),
            where="--workers",
            remedy=both("--database postgresql://…", "--database postgresql://…"),
        )
    pairs = [text.partition("=") for text in rates]
    settings = Settings(
        data=private_folder(data),
        database=database,
        scheme=scheme,
        region=region or (str(data / "demo" / "region") if demo else ""),
        book=book or (str(data / "demo" / DEMO_BOOK) if demo else ""),
        budget_policy=budget_policy,
        jobs_at_once=True,
        secure_cookies=secure,
        behind_proxy=behind_proxy,
        oidc=oidc_of(environment()),
        rates=tuple((name, limit) for name, _, limit in pairs),
    )
    store = Store(settings.url)
    store.upgrade()
    for folder in publish:
        made = publish_run(store, folder, "cli")
        say(f"已发布 {made.period}：{folder}", f"published {made.period}: {folder}")
    if demo:
        demo_city(settings, store)
    store.close()
    door = bound(host, port)
    port = door.getsockname()[1]
    say(
        f"服务在 http://{host}:{port}/ ，按 Ctrl+C 结束",
        f"serving at http://{host}:{port}/, Ctrl+C ends it",
    )
    run(settings, door, workers)
