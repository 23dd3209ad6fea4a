"""Letters to institutions on what a month refused or deferred, one page each, to be printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from drgpay import __version__
from drgpay.ground.errors import Bilingual, both
from drgpay.ground.languages import choosing
from drgpay.ground.money import yuan_text
from drgpay.ground.outputs import file_names
from drgpay.names.ledger import METHODS
from drgpay.wrapper.notices import MonthNotice

from .pages import PageSection, grid, write_page
from .sheets import Field, Sheet, page_table

KINDS: Mapping[str, Bilingual] = {
    "refused": both("拒付", "Refused"),
    "deferred": both("缓付", "Deferred"),
    "suspended": both("暂停支付", "Suspended"),
    "prepaid": both("预付多于实际", "Prepaid beyond the real figure"),
    "deferred_paid": both("补付此前缓付", "Paid of what was deferred"),
    "owed": both("以后月份扣回", "To be taken off later months"),
}


def notices_sheet(found: Sequence[MonthNotice], lang: str) -> Sheet:
    """Return notices of a month or a year, one amount a row."""
    t = choosing(lang)
    fields = [
        Field("month", t("月份", "Month"), "code"),
        Field("hospital", t("医疗机构编码", "Institution"), "code"),
        Field("pool", t("险种", "Pool")), Field("method", t("方式", "By")),
        Field("kind", t("事项", "What")), Field("amount", t("金额（元）", "Yuan"), "yuan"),
        Field("reason", t("原因", "Reason"), "long"), Field("clause", t("依据", "Clause")),
        Field("entry", t("账目记录号", "Entry"), "code"),
    ]  # fmt: skip
    rows = [
        {
            "month": own.entry.subject, "hospital": own.hospital_id, "pool": own.pool, "method": METHODS[own.method].of(lang),
            "kind": KINDS[n.kind].of(lang), "amount": n.amount_fen, "reason": n.reason.of(lang),
            "clause": n.clause, "entry": str(own.entry.number),
        }
        for own in found
        for n in own.notices
    ]  # fmt: skip
    return Sheet(t("拒付、缓付通知", "Notices"), fields, rows)


def write_notices(
    folder: Path, found: Sequence[MonthNotice], facts: Mapping[str, str], month: str, lang: str
) -> list[Path]:
    """Write a page an institution into a folder; return their paths."""
    t = choosing(lang)
    names = file_names(sorted({own.hospital_id for own in found}))
    made = []
    for hospital, name in names.items():
        own = [n for n in found if n.hospital_id == hospital]
        paid = yuan_text(sum(n.paid_fen for n in own))
        title = t(f"{month} 拒付、缓付通知", f"Notice of {month}: refused and deferred")
        body = grid(page_table(notices_sheet(own, lang)))
        lead = t(
            "请核对原因并及时采取措施；缓付部分在年终清算时审核。对数额有异议的，可在核对期内书面提出。",
            "Please look at the reasons; what is deferred is reviewed at year end. Objections in writing "
            "within the time to check.",
        )
        write_page(
            folder / name, lang=lang, title=title, tab=f"{hospital} {title}",
            kicker=f"{facts['region_name']} {facts['region_id']}",
            facts=[
                (t("医疗机构", "Institution"), hospital, ""),
                (t("本月已支付（元）", "Paid this month, yuan"), paid, ""),
                (t("依据", "Clause"), t("经办规程第二十九、三十条", "handling rules, art. 29-30"), ""),
                (t("账目", "Book"), t("、", ", ").join(str(n.entry.number) for n in own), ""),
            ],
            sections=[PageSection("notices", title, body=body), PageSection("what", lead)],
            digest=f"drgpay {__version__}",
        )  # fmt: skip
        made.append(folder / name)
    return made
