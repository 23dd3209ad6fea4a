"""What institutions are told of a month: every kind of notice has its word, each sees its own."""

from __future__ import annotations

from pathlib import Path

from drgpay.report.notice_letters import KINDS, notices_sheet
from drgpay.report.sheets import text_lines
from drgpay.wrapper.notices import month_notices, notices_to
from tests.wrapper.test_index_outcomes import ended


def test_notice__of_a_prepayment_beyond_the_real_figure_is_told(tmp_path: Path) -> None:
    """Prepaid by Shangyu's way: D spends less than a twelfth, A more, which waits for year end."""
    book, _ = ended(
        tmp_path, "shangyu-budget", 2014, {"A": 120_000, "D": 80_000},
        "机构编码,险种,score,考核指标达到情况,其中市外指标,其中市外费用",
        ["A,310,1,全部达到,200000,260000", "D,310,1,全部达到,0,0"],
    )  # fmt: skip
    with book.reading() as reading:
        march = month_notices(reading, 2014, 3)
        own = notices_to(reading, 2014, "D")
    kinds = {n.hospital_id: [one.kind for one in n.notices] for n in march}
    assert kinds == {"A": ["deferred"], "D": ["prepaid"]}
    assert {n.hospital_id for n in own} == {"D"} and len({n.entry.number for n in own}) == 12
    for lang, word in (("zh", "预付多于实际"), ("en", "Prepaid beyond the real figure")):
        text = "\n".join(text_lines(notices_sheet(own, lang)))
        assert text.count(word) == 12 and "2014-12" in text
    assert {one.kind for n in march for one in n.notices} <= set(KINDS)
