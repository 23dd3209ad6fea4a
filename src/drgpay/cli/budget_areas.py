"""`drgpay budget area`: care of people insured elsewhere, cleared with their areas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.budget_common import (
    needed,
    person_option,
    policy_option,
    propose_draft,
    shown,
    with_book,
)
from drgpay.cli.lang import LANG, t
from drgpay.cli.options import (
    PATH,
    new_folder_option,
    option,
    out_option,
    run_argument,
    year_option,
)
from drgpay.cli.told import say, tell

if TYPE_CHECKING:
    from drgpay.ledger.book import Book


@click.group(
    help=t("异地清算：外地参保人就医由就医地支付，向参保地清算",
           "People insured elsewhere: paid here, cleared with the area where they are insured")
)  # fmt: skip
def area() -> None:
    """Run a command on other areas."""


@area.command(
    "claim",
    help=t("由 area_claims 表拟定一个月外地参保人的就医费用入账：应付医疗机构，应收参保地",
           "Propose a month's care of people insured elsewhere (table area_claims): payable to "
           "institutions, owed by the areas"),
)  # fmt: skip
@click.argument("table", type=PATH)
@year_option("年度", "the year")
@option("--month", "月份", "the month", type=click.IntRange(1, 12), required=True)
@policy_option
@person_option
@with_book
def claim(book: Book, table: Path, year: int | None, month: int, policy: str, who: str) -> None:
    """Propose claims."""
    from drgpay.wrapper.areas import area_claims_draft

    propose_draft(
        book, policy, lambda turn: area_claims_draft(turn, table, needed(year), month, who)
    )


@area.command(
    "price",
    help=t(
        "把外地参保人的病例按本地的分组、点数、点值计价，写出 area_claims 表和逐例明细，供 claim 入账；"
        "RUN_DIR 是年度清算的结果文件夹，点值可另取一个月的（--values）",
        "Price cases of people insured elsewhere by the groups, points and value of a settled run, and "
        "write the table area_claims with every case; the value may be a month's (--values)",
    ),
)
@run_argument
@option("--of", "given", "参保地编码=病例文件，可多次给出", "AREA=FILE of cases, one or more",
        multiple=True, required=True, metavar="AREA=FILE")  # fmt: skip
@option("--values", "values", "取点值的月度结果文件夹", "a month's folder that gives the value",
        type=PATH)  # fmt: skip
@option("--scheme", "分组方案的名称或文件夹，默认为清算所用的",
        "the scheme, by name or folder; by default the run's", default="")  # fmt: skip
@new_folder_option
def price(
    run_dir: Path, given: tuple[str, ...], values: Path | None, scheme: str, out: Path
) -> None:
    """Price cases of other areas."""
    from drgpay.ground.errors import InputError, both
    from drgpay.ground.money import yuan_text
    from drgpay.ground.outputs import new_folder
    from drgpay.wrapper.area_prices import CASES, price_areas, write_areas

    new_folder(out)
    of = []
    for text in given:
        code, sign, file = text.partition("=")
        if not (code and sign and Path(file).exists()):
            raise InputError(
                both(f"--of {text} 不是 参保地=文件", f"--of {text} is no AREA=FILE"),
                remedy=both("写作 330200=病例.csv，文件须存在", "as 330200=FILE, which exists"),
            )
        of.append((code, Path(file)))
    made = price_areas(run_dir, of, values, scheme)
    write_areas(made, out)
    cases = sum(count for count, _ in made.claims.values())
    amount = yuan_text(sum(fen for _, fen in made.claims.values()))
    say(
        f"计价 {cases} 例，{amount} 元；没有金额的 {made.left} 例，见 {out / CASES}",
        f"{cases} cases priced, {amount} yuan; {made.left} have no amount: {out / CASES}",
    )
    for (code, hospital, pool), (count, fen) in made.below.items():
        tell(
            both(
                f"参保地 {code}、{hospital}、险种 {pool}：{count} 例合计 {yuan_text(fen)} 元，不大于0，未列入",
                f"area {code}, {hospital}, pool {pool}: {count} cases come to {yuan_text(fen)} yuan, "
                "not above 0: left out",
            )
        )


@area.command(
    "paid",
    help=t("由 area_payments 表拟定参保地付款入账，不超过其所欠",
           "Propose what areas paid (table area_payments), not more than they owe"),
)  # fmt: skip
@click.argument("table", type=PATH)
@year_option("年度", "the year")
@policy_option
@person_option
@with_book
def paid(book: Book, table: Path, year: int | None, policy: str, who: str) -> None:
    """Propose payments."""
    from drgpay.wrapper.areas import area_payments_draft

    propose_draft(book, policy, lambda turn: area_payments_draft(turn, table, needed(year), who))


@area.command(
    "list",
    help=t("各参保地应付、已付、未付及未付天数", "What areas owe, paid, and since when it is open"),
)
@year_option("年度", "the year")
@out_option("写入 .xlsx 文件", "write an .xlsx file")
@with_book
def list_command(book: Book, year: int | None, out: Path | None) -> None:
    """List areas."""
    from drgpay.ground.times import today
    from drgpay.report.ledger_sheets import areas_sheet
    from drgpay.wrapper.areas import area_rows

    with book.reading() as reading:
        rows = area_rows(reading, needed(year), today())
    shown(areas_sheet(rows, LANG), out, book)
