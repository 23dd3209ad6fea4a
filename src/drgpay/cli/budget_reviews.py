"""`drgpay budget reviews`: special reviews counted against the quota."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.budget_common import needed, policy_option, shown, with_book
from drgpay.cli.lang import LANG, t
from drgpay.cli.options import out_option, run_argument, year_option
from drgpay.cli.told import tell
from drgpay.ground.errors import both

if TYPE_CHECKING:
    from drgpay.ledger.book import Book


@click.command(
    "reviews",
    help=t(
        "特病单议的申请、受理、决定、复议件数，对照名额（RUN_DIR 的出院病例 × 其政策的 special_quota）；"
        "RUN_DIR 是最近一个月的或年度清算的结果文件夹。写出的表可作受理一步的名额计数（quota_count）",
        "Special reviews applied for, accepted, decided and appealed against, beside the quota "
        "(discharges of RUN_DIR, a month's or a year's folder, by its policy's special_quota); the "
        "workbook serves as the paper quota_count of the step accept",
    ),
)
@run_argument
@year_option("年度", "the year")
@policy_option
@out_option("写入 .xlsx 文件", "write an .xlsx file")
@with_book
def reviews(book: Book, run_dir: Path, year: int | None, policy: str, out: Path | None) -> None:
    """Count special reviews."""
    from drgpay.report.review_sheets import applications_sheet, count_sheet
    from drgpay.wrapper.planning import budget_policy
    from drgpay.wrapper.reviews import applications, counted

    with book.reading() as reading:
        found = applications(reading, needed(year), budget_policy(policy, needed(year)))
    rows = counted(found, run_dir, needed(year))
    shown([count_sheet(rows, LANG), applications_sheet(found, LANG)], out, book)
    for own in rows:
        if own.left < 0:
            name = own.hospital_id or t("全统筹区", "the region")
            tell(
                both(
                    f"{name}：受理 {own.accepted} 件，超出名额 {-own.left} 件",
                    f"{name}: {own.accepted} accepted, {-own.left} beyond the quota",
                )
            )
