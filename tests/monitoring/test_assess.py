"""The assessment: figures by hand, nothing to divide by, gates, what it does to the money."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from drgpay.ground.errors import InputError
from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft
from drgpay.monitoring.assess import assess, assessment_draft, effects
from drgpay.monitoring.doctors import doctors_draft, points_of, violations
from drgpay.monitoring.indicators import indicators
from drgpay.monitoring.measures import AFTER, PLAIN, measured
from drgpay.monitoring.scores import Figure, Judged, Score, Target, grade_of, judged, score_of
from drgpay.monitoring.sums import asked
from drgpay.monitoring.tables import AMOUNTS, DAYS, FLAGS
from drgpay.monitoring.visits import read_visits
from drgpay.monitoring.watch import Institution
from drgpay.names.assessed import MEASURES
from drgpay.policy import load_policy
from drgpay.report.book_why import figure_rows
from drgpay.wrapper.index_clearing import index_clearing_draft
from drgpay.wrapper.index_year import index_month_draft
from tests.ledger.conftest import settled
from tests.monitoring.drawn import YEAR, book_of
from tests.report.test_book_why import hold_words
from tests.wrapper.test_index_year import write

POLICY = load_policy("testland-budget", catalogue="budget").for_year(YEAR)
HEADER = (
    "visit_id,person_id,hospital_id,visit_date,total_cost,pool_fund,care,stay_days,surgery,elective,"
    "referred,own_share,outside_list,drug_cost"
)
# two persons at H1; P1 comes again after two days, is admitted twice within a fortnight
ROWS = """V1,P1,H1,2026-03-01,100.00,70,门诊,,,,,10,5,40
V2,P1,H1,2026-03-03,120.00,70,门诊,,,,是,12,5,60
V3,P1,H1,2026-03-20,80.00,50,门诊,,,,,8,0,20
V4,P2,H1,2026-03-01,100.00,70,门诊,,,,,10,0,30
V5,P1,H1,2026-04-01,20000,15000,住院,5,是,是,,900,100,5000
V6,P1,H1,2026-04-14,60000,40000,住院,10,是,,,2000,900,20000
V7,P2,H1,2026-05-01,9000,7000,住院,3,,,,500,0,2000
V8,P1,H2,2026-04-16,50,30,门诊,,,,,5,0,10
V9,P1,H1,2025-03-01,90,70,门诊,,,,,10,5,40"""


def visits_of(folder: Path) -> Path:
    path = folder / "visits.csv"
    path.write_text(f"{HEADER}\n{ROWS}\n", encoding="utf-8")
    return path


def tables(folder: Path, targets: str, entered: str = "") -> Path:
    own = folder / "tables"
    own.mkdir(exist_ok=True)
    head = "考核指标,等级,达标方向,目标下限,目标上限,分值,一票否决\n"
    (own / "assessment_targets.csv").write_text(head + targets + "\n", encoding="utf-8")
    if entered:
        head = "机构编码,考核指标,分子,分母,依据\n"
        (own / "assessment_entered.csv").write_text(head + entered + "\n", encoding="utf-8")
    return own


def test_indicators__each_is_whole_and_made_of_measures() -> None:
    assert len(indicators()) >= 24
    for own in indicators().values():
        assert own.name.chinese and own.meaning.chinese and own.formula.chinese and own.source
        assert own.entered or own.numerator in MEASURES
        assert not own.denominator or own.denominator in MEASURES
    assert {*PLAIN, *AFTER} == set(MEASURES)
    columns = {column for _, needs in PLAIN.values() for column in needs}
    assert columns <= {"care", *AMOUNTS, *FLAGS, DAYS}


def test_measures__are_those_counted_by_hand(tmp_path: Path) -> None:
    with asked(read_visits([visits_of(tmp_path)], YEAR), 12) as sums:
        own = measured(sums, POLICY)["H1"]
    due = {
        "visits": (7, 1), "persons": (2, 1), "outpatient_visits": (4, 1), "admissions": (3, 0),
        "repeat_visits": (1, 0), "readmissions": (1, 0), "cost": (8_940_000, 9_000),
        "outpatient_cost": (40_000, 9_000), "inpatient_cost": (8_900_000, 0),
        "own_share": (344_000, 1_000), "outside_list": (101_000, 500),
        "drug_cost": (2_715_000, 4_000), "surgeries": (2, 0), "elective": (1, 0),
        "costly_stays": (1, 0), "referrals": (1, 0), "stay_days": (18, 0),
    }  # fmt: skip
    assert own == due


TARGETS = """重复就诊率,,,,0.30,20,
门急诊次均费用,,,,100,20,
手术率,,,,,0,
平均住院床日,,之间,3,8,20,
参保人员满意度,,,0.9,,20,是
投诉件数,,,,1,20,
择期手术率,三级,不低于,0.6,,10,"""


def test_assessment__is_as_by_hand(tmp_path: Path) -> None:
    """H1: 1/4 repeated, 100.00 yuan a visit, 6 days a stay, 0.85 content (gate), 2 complaints."""
    folder = tables(
        tmp_path, TARGETS,
        "H1,参保人员满意度,85,100,调查报告\nH1,投诉件数,2,,台账\nH2,参保人员满意度,95,100,调查报告\nH2,投诉件数,0,,台账",
    )  # fmt: skip
    book = book_of(tmp_path / "b", {"H1": 10_000_000, "H2": 10_000})
    with book.reading() as reading:
        found = assess(reading, folder, [visits_of(tmp_path)], POLICY, {})
        draft = assessment_draft(found, POLICY, "甲")
    first, second = found.scores
    states = {row.target.indicator: row.state for row in first.rows}
    assert states == {
        "repeat_visit_rate": "met", "mean_outpatient_cost": "met", "surgery_rate": "watched",
        "mean_stay": "met", "satisfaction": "missed", "complaints": "missed",
    }  # fmt: skip
    assert (first.score, first.met, first.gates) == (Fraction(60, 100), "some", ("satisfaction",))
    states = {row.target.indicator: row.state for row in second.rows}
    assert states["mean_stay"] == "not_evaluable" and states["repeat_visit_rate"] == "met"
    assert (second.score, second.met, second.gates) == (Fraction(1), "all", ())
    assert draft.body["measures"]["H1"]["persons"] == 2
    settled(book, draft)
    with book.reading() as reading:
        (entry,) = reading.entries(("assessment",), year=YEAR)
    assert entry.body["scores"][0]["score"] == "3/5"
    assert [own["grade"] for own in entry.body["scores"]] == ["C", "A"]
    hold_words([entry])
    told = {row["figure"]: row["value"] for row in figure_rows(entry, "", "H1", "zh")}
    assert told["未过的一票否决项"] == "参保人员满意度" and told["考核得分"] == "3/5"


def test_targets__of_a_level_come_before_those_of_all(tmp_path: Path) -> None:
    folder = tables(tmp_path, TARGETS)
    book = book_of(tmp_path / "b", {"H1": 10_000_000})
    known = {"H1": Institution("H1", "", "三级")}
    with book.reading() as reading:
        (own,) = assess(reading, folder, [visits_of(tmp_path)], POLICY, known).scores
    states = {row.target.indicator: row.state for row in own.rows}
    assert states["elective_surgery_rate"] == "missed" and states["satisfaction"] == "not_evaluable"
    assert own.score == Fraction(60, 70)


@pytest.mark.parametrize(
    ("targets", "says"),
    [
        ("重复就诊率,,,0.1,,20,", "an upper bound"),
        ("重复就诊率,,之间,0.3,0.1,20,", "above the upper"),
        ("没有的指标,,,,0.1,20,", "is not"),
        ("参保人员满意度,,,0.9,,20,", "no indicator with points"),
    ],
)
def test_assessment__that_cannot_be_made_is_refused(
    tmp_path: Path, targets: str, says: str
) -> None:
    folder = tables(tmp_path, targets)
    book = book_of(tmp_path / "b", {"H1": 100})
    with book.reading() as reading, pytest.raises(InputError) as found:
        assess(reading, folder, [visits_of(tmp_path)], POLICY, {})
    assert says in str(found.value)


def target(
    direction: str, low: str | None = None, high: str | None = None, **more: object
) -> Target:
    own = {"low": low and Fraction(low), "high": high and Fraction(high), "points": Fraction(1)}
    return Target(indicator="drug_share", direction=direction, **{**own, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("own", "value", "state"),
    [
        (target("max", high="0.3"), "0.3", "met"),
        (target("max", high="0.3"), "0.3001", "missed"),
        (target("min", low="0.3"), "0.3", "met"),
        (target("min", low="0.3"), "0.2999", "missed"),
        (target("band", "0.3", "0.4"), "0.4", "met"),
        (target("band", "0.3", "0.4"), "0.41", "missed"),
        (target("watch"), "9", "watched"),
        (target("max", high="0.3"), None, "not_evaluable"),
    ],
)
def test_bounds__are_inside_and_nothing_to_divide_by_is_no_result(
    own: Target, value: str | None, state: str
) -> None:
    figure = Figure(1, 0, None if value is None else Fraction(value))
    assert judged(own, figure) == Judged(own, figure, state)


@pytest.mark.parametrize(
    ("score", "gates", "grade"),
    [
        ("0.9", (), "A"),
        ("0.89", (), "B"),
        ("0.75", (), "B"),
        ("0.7499", (), "C"),
        ("1", ("x",), "C"),
    ],
)
def test_grade__is_the_first_that_is_reached(
    score: str, gates: tuple[str, ...], grade: str
) -> None:
    own = Score("H1", (), Fraction(score), "some", gates)
    limits = POLICY["assess.grade_limits"]
    assert grade_of(own, POLICY["assess.grades"], limits) == grade
    for names, given in ((("A", "B"), limits), (("A", "B", "C"), limits[::-1])):
        with pytest.raises(InputError, match="one more"):
            grade_of(own, names, given)


def test_score__of_nothing_met_is_told(tmp_path: Path) -> None:
    made = score_of("H1", [target("max", high="0")], {"drug_share": Figure(1, 2, Fraction(1, 2))})
    assert (made.score, made.met) == (0, "no_indicator")


def test_doctors__record_is_of_violations_alone(tmp_path: Path) -> None:
    book = book_of(tmp_path / "b", {})
    head = "医师编码,机构编码,日期,违规事由,记分,依据\n"
    rows = "D1,H1,2026-03-01,超量开药,2,文1\nD1,H1,2026-05-01,冒名就医,4.5,文2\nD2,H1,2026-03-02,超量开药,2,文3\n"
    (tmp_path / "doctor_points.csv").write_text(head + rows, encoding="utf-8")
    with book.writing() as turn:
        turn.append(doctors_draft(turn, tmp_path, YEAR, "甲"))
    with book.reading() as reading:
        record = violations(reading, YEAR)
        hold_words(reading.entries(("doctor_points",)))
        assert points_of(record, "D1") == Fraction("6.5")
        assert [v.doctor_id for v in record] == ["D1", "D1", "D2"]
        with pytest.raises(InputError, match="no violation"):
            points_of(record, "D9")
        with pytest.raises(InputError, match="on the record already"):
            doctors_draft(reading, tmp_path, YEAR, "甲")
        with pytest.raises(InputError, match="is not in 2025"):
            doctors_draft(reading, tmp_path, YEAR - 1, "甲")
    assert not any("fen" in key for own in record for key in type(own).__slots__)


def cleared_by(book: Book, folder: Path, *rows: str) -> dict[str, dict[str, Any]]:
    entry = settled(
        book,
        draft_of(book, write(folder, "assessed", "机构编码,险种,考核得分,已交超支报告", *rows)),
    )
    return {own["hospital_id"]: own for own in entry.body["figures"]}


def draft_of(book: Book, folder: Path) -> Draft:
    with book.reading() as reading:
        return index_clearing_draft(reading, folder, YEAR, "testland-budget", "甲")


def test_clearing__goes_by_the_assessment_on_the_book(tmp_path: Path) -> None:
    """A gate that is missed keeps nothing of a surplus; what that cost is told."""
    book = book_of(tmp_path / "b", {"H1": 12_000_000, "H2": 12_000_000})
    for _ in range(12):
        write(tmp_path / "m", "claims", "机构编码,险种,申报金额", "H1,310,9000", "H2,310,9000")
        with book.reading() as reading:
            month = index_month_draft(reading, tmp_path / "m", YEAR, "testland-budget", "甲")
        settled(book, month)
    scores = [
        {"hospital_id": "H1", "score": "19/20", "met": "some", "gates": ["satisfaction"], "indicators": []},
        {"hospital_id": "H2", "score": "1", "met": "all", "gates": [], "indicators": []},
    ]  # fmt: skip
    body = {"scores": scores, "measures": {}}
    settled(book, Draft("assessment", YEAR, "甲", "maker", body))
    with pytest.raises(InputError, match="19/20"):
        draft_of(
            book,
            write(tmp_path / "y", "assessed", "机构编码,险种,考核得分", "H1,310,1", "H2,310,1"),
        )
    found = cleared_by(book, tmp_path / "y", "H1,310,,", "H2,310,1,")
    assert (found["H1"]["outcome"], found["H2"]["outcome"]) == ("failed", "passed")
    assert found["H1"]["kept_fen"] == 0 < found["H2"]["kept_fen"]
    with book.reading() as reading:
        first, second = effects(reading, YEAR, POLICY)
    assert (first.kept_fen, first.kept_best_fen) == (0, found["H2"]["kept_fen"])
    assert first.cost_fen == first.kept_best_fen + first.forfeited_fen and second.cost_fen == 0
    assert not first.gates_passed and first.score == Fraction(19, 20)


def test_clearing__without_an_assessment_needs_a_score(tmp_path: Path) -> None:
    book = book_of(tmp_path / "b", {"H1": 12_000_000})
    for _ in range(12):
        write(tmp_path / "m", "claims", "机构编码,险种,申报金额", "H1,310,9000")
        with book.reading() as reading:
            settled(book, index_month_draft(reading, tmp_path / "m", YEAR, "testland-budget", "甲"))
    with pytest.raises(InputError, match="its score is needed"):
        draft_of(book, write(tmp_path / "y", "assessed", "机构编码,险种", "H1,310"))


def test_effects__of_a_year_that_is_not_cleared_are_refused(tmp_path: Path) -> None:
    book = book_of(tmp_path / "b", {"H1": 100})
    with book.reading() as reading, pytest.raises(InputError, match="not cleared"):
        effects(reading, YEAR, POLICY)
