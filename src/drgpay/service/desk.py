"""The desk: compiled schemes and published results in memory, and the answer to one case.

The engine does the work; here a case is taken apart, asked and told. What a request needs is ready
before it comes: nothing is read or compiled while one waits.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from drgpay import __version__
from drgpay.cases.ages import NEAR_DAYS, NEWBORN_DAYS, YEAR_DAYS
from drgpay.cases.editions import INSURANCE, read_edition
from drgpay.cases.tidy import grams_of
from drgpay.ground.errors import Bilingual, InputError, both, in_language
from drgpay.ground.money import decimal_text, divide_rounded, points_text
from drgpay.ground.reference import DEFAULT_SCHEME
from drgpay.grouper.changes import Price
from drgpay.grouper.engine import Grouper, encode_case, kept_by_grouper
from drgpay.grouper.explain import Explanation, explain_read, explainer_of
from drgpay.grouper.outcome import Grouping
from drgpay.grouper.provisos import is_outside
from drgpay.grouper.versions import AnyGrouper, VersionedGrouper, any_grouper
from drgpay.names.codes import CASE_CLASSES, PAID_BY, STATUSES
from drgpay.names.columns import GROUPING_MORE
from drgpay.names.reasons import GROUPING_REASONS, REASONS
from drgpay.runs.manifest import YEAR
from drgpay.runs.one_case import Lack, OneCase, OnePricer, Priced, held_by
from drgpay.runs.pricing import Pricer
from drgpay.service.models import Case
from drgpay.service.problems import At, Problem
from drgpay.service.published import PointValue, Published, latest_values, list_published
from drgpay.service.roles import Caller, Role
from drgpay.service.settings import Settings
from drgpay.service.store import Store

MOST_SCHEMES = 4  # compiled beside the published one
_PAYMENT = (
    "case_class", "paid_by", "points", "point_value", "total_cost_fen", "expected_fen",
    "over_cost_fen", "payment_over_cost", "due_fen",
)  # fmt: skip
FACTS = ("sex", "age_years", "age_days", "birth_weight_g", "los_days", "icu", *GROUPING_MORE)
MOST_KEPT = 100_000  # rows of codes and groups that are kept as they are told
PROMISE = both(
    "试分组仅供参考，不是支付承诺，以清算结果为准；再住院、转诊合并、特病单议和违规扣减一例看不出，未计",
    "a preview, not a promise of payment: what counts is the settlement; readmission, referral, "
    "special review and violations cannot be seen of one case and are left out",
)


@dataclass(frozen=True)
class Board:
    """What is published at a moment: changed as a whole, so that no answer mixes two."""

    runs: tuple[Published, ...]
    pricer: Pricer | None  # of the latest settled year
    year: Published | None
    values: dict[str, PointValue]
    grouper: AnyGrouper

    @cached_property
    def one(self) -> OnePricer | None:
        """What reads and prices single cases by the settled year."""
        return None if self.pricer is None else OnePricer(self.pricer)

    @cached_property
    def latest(self) -> dict[str, Fraction]:
        """The latest published yuan a point of each pool."""
        return {pool: value.yuan for pool, value in self.values.items()}

    @cached_property
    def value_dicts(self) -> dict[str, dict[str, Any]]:
        """The latest point value of each pool, as it is told."""
        return {
            pool: {
                "yuan": decimal_text(value.yuan, 12),
                "fraction": f"{value.yuan.numerator}/{value.yuan.denominator}",
                "pool": pool, "run": value.run.id, "period": value.run.period,
                "provisional": value.provisional,
            }
            for pool, value in self.values.items()
        }  # fmt: skip

    @cached_property
    def own_schemes(self) -> frozenset[str]:
        """The names of the published scheme, which need no grouper of their own."""
        one = self.grouper
        return frozenset({one.family.name if isinstance(one, VersionedGrouper) else one.scheme.id})

    @cached_property
    def unverified(self) -> list[str]:
        """The parameters in use that no text confirms."""
        if self.pricer is None:
            return []
        return [
            str(p["key"])
            for p in self.pricer.parameters
            if not p["verified"] and p.get("used", True)
        ]

    @cached_property
    def groups(self) -> dict[str, dict[str, Any]]:
        """The published year's rows of groups by code."""
        if self.pricer is None:
            return {}
        return {row["drg"]: row for row in self.pricer.table("drgs").to_pylist()}

    @cached_property
    def hospitals_of(self) -> dict[str, int]:
        """How many institutions had cases of a group in the published year."""
        if self.pricer is None:
            return {}
        told = self.pricer.table("cases", ("drg", "hospital_id"))
        found = told.group_by("drg").aggregate([("hospital_id", "count_distinct")])
        columns = (found[name].to_pylist() for name in ("drg", "hospital_id_count_distinct"))
        return dict(zip(*columns, strict=True))

    @cached_property
    def versions(self) -> dict[str, Any]:
        """What an answer rests on, besides its scheme and point value."""
        made: dict[str, Any] = {"engine": __version__, "policy": None, "run": None}
        if self.pricer is not None and self.year is not None:
            policy = self.pricer.manifest["policy"]
            made["policy"] = {"id": policy["id"], "digest": policy["digest"]}
            made["run"] = {
                "id": self.year.id, "period": self.year.period, "digest": self.year.digest,
            }  # fmt: skip
        return made

    @cached_property
    def _with_scheme(self) -> dict[str, dict[str, Any]]:
        return {}

    def versions_with(self, grouper: Grouper) -> dict[str, Any]:
        """Return `versions` with the scheme that grouped; not to be changed."""
        found = self._with_scheme.get(grouper.scheme.digest)
        if found is None:
            found = {**self.versions, "scheme": scheme_dict(grouper)}
            self._with_scheme[grouper.scheme.digest] = found
        return found


def without_withdrawn(board: Board | None, runs: tuple[Published, ...]) -> Board | None:
    """Return a board without its year where that was withdrawn: at once, nothing is read for it.

    Another year may want another scheme, whose compiling nobody is to be shown the old one for. A
    year that is published anew is shown as it was until the new one is read.
    """
    if board is None or board.year is None:
        return board
    own = board.year
    if any((r.kind, r.region_id, r.year) == (own.kind, own.region_id, own.year) for r in runs):
        return board
    values = {pool: value for pool, value in board.values.items() if value.run in runs}
    return Board(runs, None, None, values, board.grouper)


class Desk:
    """Answers cases; `refresh` takes up what was published since."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings
        self.warm = False
        self._reading = threading.Lock()
        self._others: OrderedDict[str, AnyGrouper] = OrderedDict()
        self._board: Board | None = None
        self._taken_up: tuple[Published, ...] | None = None  # what the board was made of

    @property
    def board(self) -> Board:
        """What is published now."""
        if self._board is None:
            self.refresh()
        assert self._board is not None
        return self._board

    def refresh(self) -> None:
        """Read what is published, if it is not what is known already."""
        with self._reading:
            runs = tuple(list_published(self.store))
            if self._board is not None and self._taken_up == runs:
                return
            self._board = without_withdrawn(self._board, runs)
            years = [run for run in runs if run.kind == YEAR]
            year = years[-1] if years else None
            pricer = None if year is None else Pricer(year.folder)
            given: str | Path = self.settings.scheme
            if not given:
                given = DEFAULT_SCHEME if pricer is None else pricer.scheme_name
            elif "/" in str(given):
                given = Path(given)
            grouper = any_grouper(given, () if pricer is None else pricer.readings)
            if pricer is not None:
                pricer.check_grouper(grouper)
            if self.warm:
                _read_otherwise(grouper)
            self._board = Board(runs, pricer, year, latest_values(runs), grouper)
            self._taken_up = runs

    def warm_up(self) -> None:
        """Compile and touch everything that an answer goes through, also that of an odd case."""
        board = self.board
        _read_otherwise(board.grouper)
        hospital = next(iter(board.pricer.hospitals)) if board.pricer else None
        usual = Case(
            sex="M", age_years=60, diagnoses=["I63.900", "E11.900"], procedures=[], los_days=9,
            total_cost_fen=1_000_000, hospital_id=hospital, pool=next(iter(board.values), None),
        )  # fmt: skip
        odd = replace(usual, diagnoses=["I63.9x9", "E11.9x9"], procedures=["51.2399", "00.4599"])
        somebody = Caller("", Role.AGENCY, "")
        for own in versions_of(board.grouper):
            day = own.scheme.period[0]
            for case in (usual, odd):
                for explained in (False, True):
                    self.preview(replace(case, discharge_date=day), somebody, explained=explained)
        self.warm = True

    def grouper(self, scheme: str | None) -> AnyGrouper:
        """Return the grouper of a bundled scheme or family, by default the published one's.

        Raises Problem for a scheme that there is not.
        """
        if not scheme or scheme in self.board.own_schemes:
            return self.board.grouper
        with self._reading:
            found = self._others.get(scheme)
            if found is None:
                if "/" in scheme or Path(scheme).name != scheme:
                    raise no_scheme(scheme)
                try:
                    found = any_grouper(scheme)
                except InputError:
                    raise no_scheme(scheme) from None
                self._others[scheme] = found
                while len(self._others) > MOST_SCHEMES:
                    self._others.popitem(last=False)
            self._others.move_to_end(scheme)
        return found

    def edition_of_lists(self, scheme: str | None) -> str | None:
        """Return the edition that settlement lists are written in, None where no scheme reads it."""
        return INSURANCE if INSURANCE in self.grouper(scheme).editions else None

    def is_ready(self, scheme: str | None) -> bool:
        """Whether a scheme is compiled, so that an answer need not wait for it."""
        return not scheme or scheme in self._others or scheme in self.board.own_schemes

    def preview(
        self,
        case: Case,
        caller: Caller,
        *,
        scheme: str | None = None,
        explained: bool = False,
        lang: str = "zh",
    ) -> dict[str, Any]:
        """Group one case, score it and say what it would be paid; plain values.

        Points are texts of four decimals, money is whole fen. Raises Problem for a case that the
        caller may not preview, InputError for one that is none.
        """
        answer, told = self.answered(case, caller, scheme=scheme, explained=explained, lang=lang)
        if told is not None:
            said = told.as_dict()
            said["text"] = told.text(lang, [near["text"][lang] for near in said["nearest"]])
            answer["explanation"] = said
        return answer

    def answered(
        self, case: Case, caller: Caller, *, scheme: str | None, explained: bool, lang: str
    ) -> tuple[dict[str, Any], Explanation | None]:
        """Return what `preview` does, the explanation as itself."""
        board = self.board
        hospital = own_hospital(case, caller)
        grouper = version_of(self.grouper(scheme), case)
        if scheme in board.own_schemes:
            scheme = None
        made, told, priced, asked = self._grouped(board, case, hospital, grouper, scheme, explained)
        known = told_of(grouper)
        answer = dict(known.grouping(made, lang))
        answer["codes"] = known.codes(case, asked.facts, made)
        answer |= self._payment(board, case, asked.one, priced, lang)
        answer["notes"] = list(self._notes(board, case, grouper, scheme, asked, priced, lang))
        answer["versions"] = board.versions_with(grouper)
        answer["unverified"] = [] if priced is None else board.unverified
        answer["promise"] = in_language(PROMISE, lang)
        if case.case_id is not None:
            answer["case_id"] = case.case_id
        return answer, told

    def _grouped(
        self,
        board: Board,
        case: Case,
        hospital: str | None,
        grouper: Grouper,
        scheme: str | None,
        explained: bool,
    ) -> tuple[Grouping, Explanation | None, Priced | None, Asked]:
        """Group and price a case; the explanation only where it is asked for."""
        one = None if scheme else board.one
        facts = facts_of(case, grouper, one)
        encoded = encode_case(grouper.compiled, facts)
        made = grouper.group_read(encoded, facts["diagnoses"], facts["procedures"])
        read: OneCase | list[Lack] = [] if one is None else read_one(one, case, hospital)
        asked = Asked(facts, read if isinstance(read, OneCase) else None,
                      () if isinstance(read, OneCase) else tuple(read))  # fmt: skip
        priced: list[Priced] = []

        def prices(drgs: Sequence[str]) -> list[Price]:
            assert one is not None and asked.one is not None
            priced[:] = one.prices(asked.one, drgs, board.latest)
            return [p.price for p in priced]

        told: Explanation | None = None
        if explained:
            told = explain_read(grouper, made, facts, encoded, prices if asked.one else None)
        elif asked.one is not None:
            prices([made.drg])
        return made, told, priced[0] if priced else None, asked

    def _payment(
        self, board: Board, case: Case, one: OneCase | None, priced: Priced | None, lang: str
    ) -> dict[str, Any]:
        """Return class, points, expected payment and what it is over the cost; None where unknown."""
        answer: dict[str, Any] = dict.fromkeys(_PAYMENT)
        answer["total_cost_fen"] = cost = case.total_cost_fen
        if priced is None or one is None or cost is None:
            return answer
        price = priced.price
        answer["case_class"] = named(price.case_class, CASE_CLASSES[price.case_class], lang)
        answer["paid_by"] = named(priced.paid_by, PAID_BY[priced.paid_by], lang)
        answer["points"] = points_text(price.points)
        answer["point_value"] = board.value_dicts.get(one.pool)
        if priced.paid_by == "held":
            return answer  # what it will be paid is not known until somebody has decided
        answer["expected_fen"] = price.fen
        answer["over_cost_fen"] = price.fen - cost
        if cost:
            answer["payment_over_cost"] = points_text(divide_rounded(price.fen * 10_000, cost))
        assert board.one is not None
        if board.one.personal:
            if case.personal_paid_fen is not None:
                answer["due_fen"] = price.fen - case.personal_paid_fen
        elif case.pool_fund_fen is not None:
            answer["due_fen"] = price.fen - (cost - case.pool_fund_fen)
        return answer

    def _notes(
        self,
        board: Board,
        case: Case,
        grouper: Grouper,
        scheme: str | None,
        asked: Asked,
        priced: Priced | None,
        lang: str,
    ) -> Iterator[dict[str, str]]:
        """Yield what the reader must know of the answer."""
        day, own = case.discharge_date, grouper.scheme
        if day is None and isinstance(self.board.grouper, VersionedGrouper) and not scheme:
            yield note("no_date", both(
                f"没有出院日期，按今日施行的 {own.id} 分组",
                f"no day of discharge: grouped by {own.id}, in force today"), lang)  # fmt: skip
        elif day is not None and is_outside(day, own):
            yield note("outside_period", both(
                f"{day} 不在 {own.id} 的施行期内", f"{own.id} was not in force on {day}"), lang)  # fmt: skip
        yield from told_of(grouper).code_notes(case, asked.facts, lang)
        yield from _age_notes(case, asked.facts, lang)
        if board.pricer is None:
            yield note("nothing_published", both(
                "经办机构尚未发布清算结果，没有点数和金额",
                "no result is published yet: no points and no payment"), lang)  # fmt: skip
        elif scheme:
            yield note("other_scheme", both(
                f"点数以 {board.pricer.scheme_name} 的基准点数为准，按 {scheme} 分组没有点数",
                f"base points are those of {board.pricer.scheme_name}: none by {scheme}"), lang)  # fmt: skip
        for lack in asked.lacks:
            yield note(lack.code, lack.text, lang)
        if priced is not None and asked.one is not None:
            yield from self._price_notes(board, case, asked.one, priced, lang)

    def _price_notes(
        self, board: Board, case: Case, one: OneCase, priced: Priced, lang: str
    ) -> Iterator[dict[str, str]]:
        """Yield what the reader must know of points and payment."""
        value = board.values.get(one.pool)
        if value is not None and value.provisional:
            period = value.run.period
            yield note("provisional", both(
                f"点值是 {period} 月度结算的，年度清算后才定",
                f"the point value is that of the month {period}, not yet settled"), lang)  # fmt: skip
        for doubt in one.doubts:
            yield note("held", held_by(doubt), lang)
        if priced.paid_by == "held" and not one.doubts:
            yield note("held", both(
                "这一类病例经特病单议才支付", "cases of this class are paid on review alone"), lang)  # fmt: skip
        assert board.one is not None
        if one.days is None and (board.one.short_days >= 0 or board.one.long_days is not None):
            yield note("days_unknown", both(
                "没有住院天数，按既不过短也不过长计", "no days: taken as neither short nor long"), lang)  # fmt: skip
        if board.one.personal and case.personal_paid_fen is None:
            yield note("no_personal_paid", both(
                "应付按个人支付（personal_paid）计，没有它算不出",
                "what is due is reckoned by personal_paid, which is not given"), lang)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A case as it was read: facts for its group, and for its points, or what these lack."""

    facts: dict[str, Any]
    one: OneCase | None
    lacks: tuple[Lack, ...]


def version_of(grouper: AnyGrouper, case: Case) -> Grouper:
    """Return the grouper of the version in force at a case's discharge; raises InputError."""
    return grouper.of_day(case.discharge_date) if isinstance(grouper, VersionedGrouper) else grouper


def versions_of(grouper: AnyGrouper) -> Sequence[Grouper]:
    """Return the groupers that a grouper consists of."""
    return grouper.groupers if isinstance(grouper, VersionedGrouper) else (grouper,)


def _read_otherwise(grouper: AnyGrouper) -> None:
    """Compile the readings that explanations compare with, before anybody waits for one."""
    for own in versions_of(grouper):
        explainer_of(own).warm_up()


def facts_of(case: Case, grouper: Grouper, one: OnePricer | None) -> dict[str, Any]:
    """Return what grouping asks of a case, its codes as they are read; raises InputError.

    Days of the stay are as the published policy has them, days of an infant's age also by its dates.
    """
    edition = None
    if case.code_system:
        edition = read_edition(case.code_system, grouper.editions)
    diagnoses, procedures = grouper.read_codes(case.diagnoses, case.procedures, edition)
    if not diagnoses or not diagnoses[0]:
        raise InputError(
            both("缺少主要诊断", "no principal diagnosis"),
            where="diagnoses",
            remedy=both("主要诊断写在最前", "the principal diagnosis comes first"),
        )
    facts: dict[str, Any] = {name: getattr(case, name) for name in FACTS}
    if one is not None:
        facts["los_days"] = one.stay_days(case.los_days, case.admission_date, case.discharge_date)
    if case.age_years == 0:
        if case.age_days is None:
            facts["age_days"] = days_by_birth(case)
        facts["birth_weight_g"] = grams_of(case.birth_weight_g)
        facts["admission_weight_g"] = grams_of(case.admission_weight_g)
    facts["diagnoses"], facts["procedures"] = diagnoses, procedures
    return facts


def days_by_birth(case: Case) -> int | None:
    """Return the days of age of an infant by its dates, None where they do not say them."""
    if case.birth_date is None or case.admission_date is None:
        return None
    span = (case.admission_date - case.birth_date).days
    return span if 0 <= span <= YEAR_DAYS else None


def _age_notes(case: Case, facts: dict[str, Any], lang: str) -> Iterator[dict[str, str]]:
    if case.age_years != 0 or case.birth_date is None or case.admission_date is None:
        return
    span, own = (case.admission_date - case.birth_date).days, case.age_days
    if own is None and facts["age_days"] is not None:
        yield note("age_by_dates", both(
            f"日龄 {facts['age_days']} 天，由出生日期和入院日期算出",
            f"{facts['age_days']} days of age, by the dates of birth and admission"), lang)  # fmt: skip
    crossed = own is not None and (own <= NEWBORN_DAYS) != (span <= NEWBORN_DAYS)
    if own is not None and span >= 0 and crossed and abs(span - own) > NEAR_DAYS:
        yield note("age_contradicts_dates", both(
            f"{REASONS['age_contradicts_dates'].message.chinese}，清算时会被隔离",
            f"{REASONS['age_contradicts_dates'].message}: quarantined in a settlement"), lang)  # fmt: skip


def read_one(one: OnePricer, case: Case, hospital: str | None) -> OneCase | list[Lack]:
    """Return a case as the published year would take it, or what its points lack."""
    return one.read(
        hospital_id=hospital,
        pool=case.pool,
        cost_fen=case.total_cost_fen,
        fund_fen=case.pool_fund_fen,
        los_days=case.los_days,
        admission_date=case.admission_date,
        discharge_date=case.discharge_date,
        payment_mode=case.payment_mode,
        bed_day_class=case.bed_day_class,
        discharge_way=case.discharge_way,
    )


def own_hospital(case: Case, caller: Caller) -> str | None:
    """Return whose case it is: a hospital asks for its own alone; raises Problem."""
    if caller.role is not Role.HOSPITAL:
        return case.hospital_id
    if case.hospital_id not in (None, caller.hospital):
        raise Problem(
            403,
            "other_hospital",
            both("只能试算本机构的病例", "a hospital previews its own cases"),
            faults=[
                At(
                    "hospital_id",
                    both("不是密钥所属的机构", "not the hospital of the key"),
                    both("不写，或写本机构编码", "leave it out, or give your own"),
                )
            ],
        )
    return caller.hospital


class Told:
    """What is told of a scheme's codes and groups, made once for each."""

    def __init__(self, grouper: Grouper) -> None:
        scheme = grouper.scheme
        self.explainer = explainer_of(grouper)
        tracer = self.explainer.tracer
        self.known = (scheme.diagnoses.index, scheme.procedures.index)
        self.names = (tracer.diagnosis_names, tracer.procedure_names)
        self.mdcs = {m.mdc: m.name for m in scheme.mdcs}
        self.adrgs = {a.key: a.name for a in scheme.adrgs}
        self._groupings: dict[tuple[Grouping, str], dict[str, Any]] = {}
        self._rows: dict[tuple[Any, ...], dict[str, Any]] = {}

    def grouping(self, made: Grouping, lang: str) -> dict[str, Any]:
        """Return a grouping with its names; what is returned is not to be changed."""
        found = self._groupings.get((made, lang))
        if found is None:
            if len(self._groupings) > MOST_KEPT:
                self._groupings.clear()
            reason = GROUPING_REASONS[made.reason] if made.reason else None
            found = self._groupings[made, lang] = {
                "status": named(made.status, STATUSES[made.status], lang),
                "reason": None if reason is None else named(made.reason, reason, lang),
                "mdc": {"code": made.mdc, "name": self.mdcs.get(made.mdc, "")},
                "adrg": {"code": made.adrg, "name": self.adrgs.get(made.adrg_key, "")},
                "drg": {"code": made.drg, "name": made.name},
                "severity": made.severity,
                "severity_diagnosis": made.severity_diagnosis,
                "by_procedure": made.by_procedure,
            }
        return found

    def codes(
        self, case: Case, facts: dict[str, Any], made: Grouping
    ) -> dict[str, list[dict[str, Any]]]:
        """Return each code as it was read, with its name and what it counts for."""
        diagnoses = facts["diagnoses"]
        decided = made.severity_diagnosis
        place = 1 + diagnoses[1:].index(decided) if decided else 0
        severities = self.explainer.severities(diagnoses, place)
        rows = [self._row(0, diagnoses[0])]
        rows += [
            self._row(0, s.code, s.level, s.verdict == "counts", s.decisive) for s in severities
        ]
        others = [self._row(1, code) for code in facts["procedures"]]
        return {
            "diagnoses": _as_written(rows, case.diagnoses),
            "procedures": _as_written(others, case.procedures),
        }

    def _row(
        self, which: int, code: str, level: str = "", counts: bool = False, decides: bool = False
    ) -> dict[str, Any]:
        key = (which, code, counts, decides)
        found = self._rows.get(key)
        if found is None:
            if len(self._rows) > MOST_KEPT:
                self._rows.clear()
            found = {"code": code, "name": self.names[which].get(code) or ""}
            if code not in self.known[which]:
                unknown = self._unknown(which, code)
                found["unknown"] = True
                found["nearest"] = [{"code": near, "name": name} for near, name in unknown]
            if level:
                found |= {"level": level, "counts": counts, "decides": decides}
            self._rows[key] = found
        return found

    def _unknown(self, which: int, code: str) -> tuple[tuple[str, str], ...]:
        told = self.explainer.unknown(*(([], [code]) if which else ([code], [])))
        return told[0].nearest if told else ()

    def code_notes(self, case: Case, facts: dict[str, Any], lang: str) -> Iterator[dict[str, str]]:
        """Yield which codes the scheme does not know, and which were read otherwise than written."""
        for which, (chinese, kind, written) in enumerate(
            (("诊断", "diagnoses", case.diagnoses), ("手术操作", "procedures", case.procedures))
        ):
            codes, known = facts[kind], self.known[which]
            if len(codes) != len(written):
                yield note("codes_divided", both(
                    f"{chinese}写了 {len(written)} 个，读作 {len(codes)} 个",
                    f"{kind}: {len(written)} written, read as {len(codes)}"), lang)  # fmt: skip
            elif codes != written:
                for own, code in zip(written, codes, strict=True):
                    if own != code:
                        yield note("code_read", both(
                            f"{chinese} {own} 读作 {code}", f"{own} is read as {code}"), lang)  # fmt: skip
            for code in codes:
                if code and code not in known:
                    near = [f"{one} {name}" for one, name in self._unknown(which, code)]
                    yield note("unknown_code", both(
                        f"方案没有{chinese} {code}" + (f"；相近的有 {'、'.join(near)}" if near else ""),
                        f"the scheme does not have {code}"
                        + (f"; near: {', '.join(near)}" if near else "")), lang)  # fmt: skip


def _as_written(rows: list[dict[str, Any]], written: list[str]) -> list[dict[str, Any]]:
    """Return rows of codes, each with how it was written where that differs."""
    if len(rows) != len(written) or all(r["code"] == w for r, w in zip(rows, written, strict=True)):
        return rows
    return [
        row if row["code"] == own else {**row, "written": own}
        for row, own in zip(rows, written, strict=True)
    ]


told_of = kept_by_grouper(Told)


def scheme_dict(grouper: Grouper) -> dict[str, Any]:
    """Return which scheme grouped, and how sure its tables are."""
    scheme = grouper.scheme
    return {
        "id": scheme.id,
        "digest": scheme.digest,
        "draft": scheme.draft,
        "verified": bool(scheme.manifest.get("effective", {}).get("verified", True)),
        "effective": [None if day is None else str(day) for day in scheme.period],
        "readings": dict(scheme.options),
    }


def named(code: str, word: Bilingual, lang: str) -> dict[str, str]:
    """Return a code with its word."""
    return {"code": code, "name": in_language(word, lang)}


def note(code: str, text: Bilingual, lang: str) -> dict[str, str]:
    """Return something that the reader must know."""
    return {"code": code, "text": in_language(text, lang)}


def no_scheme(name: str) -> Problem:
    """There is no such scheme among the bundled ones."""
    return Problem(
        404,
        "no_scheme",
        both("没有这个分组方案", "there is no such scheme"),
        both("GET /v1/schemes 列出可用的方案", "GET /v1/schemes lists them"),
    )
