"""The desk: compiled schemes and published results in memory, and the answer to one case.

The engine does the work; here a case is taken apart, asked and told. What a request needs is ready
before it comes: nothing is read or compiled while one waits.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from drgpay import __version__
from drgpay.ground.errors import Bilingual, InputError, both, in_language
from drgpay.ground.money import POINT, decimal_text, divide_rounded, points_text
from drgpay.ground.reference import DEFAULT_SCHEME
from drgpay.grouper.changes import Price
from drgpay.grouper.engine import Grouper, kept_by_grouper
from drgpay.grouper.explain import Explanation, explain, explainer_of, unknown_code
from drgpay.grouper.outcome import Grouping
from drgpay.grouper.provisos import is_outside
from drgpay.grouper.versions import AnyGrouper, VersionedGrouper, any_grouper
from drgpay.names.codes import CASE_CLASSES, STATUSES
from drgpay.names.columns import CODED, GROUPING_MORE
from drgpay.names.reasons import GROUPING_REASONS
from drgpay.runs.manifest import YEAR
from drgpay.runs.pricing import Pricer, SettledCases
from drgpay.service.models import Case
from drgpay.service.problems import At, Problem
from drgpay.service.published import PointValue, Published, latest_values, list_published
from drgpay.service.roles import Caller, Role
from drgpay.service.settings import Settings
from drgpay.service.store import Store

MOST_SCHEMES = 4  # compiled beside the published one
FACTS = ("sex", "age_years", "age_days", "birth_weight_g", "los_days", "icu", *GROUPING_MORE)
PROMISE = both(
    "试分组仅供参考，不是支付承诺；以清算结果为准",
    "a preview, not a promise of payment: what counts is the settlement",
)
_WARM = Case(sex="M", age_years=60, diagnoses=["I63.900"], procedures=[])


@dataclass(frozen=True)
class Board:
    """What is published at a moment: changed as a whole, so that no answer mixes two."""

    runs: tuple[Published, ...]
    pricer: Pricer | None  # of the latest settled year
    year: Published | None
    values: dict[str, PointValue]
    grouper: AnyGrouper

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


class Desk:
    """Answers cases; `refresh` takes up what was published since."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings
        self.warm = False
        self._reading = threading.Lock()
        self._others: OrderedDict[str, AnyGrouper] = OrderedDict()
        self._board: Board | None = None

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
            if self._board is not None and self._board.runs == runs:
                return
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
            self._board = Board(runs, pricer, year, latest_values(runs), grouper)

    def warm_up(self) -> None:
        """Compile and touch everything that an answer goes through."""
        board = self.board
        hospital = next(iter(board.pricer.hospitals)) if board.pricer else None
        case = Case(
            sex="M", age_years=60, diagnoses=["I63.900", "E11.900"], procedures=[], los_days=9,
            total_cost_fen=1_000_000, hospital_id=hospital, pool=next(iter(board.values), None),
        )  # fmt: skip
        somebody = Caller("", Role.AGENCY, "")
        for explained in (False, True):
            self.preview(case, somebody, explained=explained)
        self.warm = True

    def grouper(self, scheme: str | None) -> AnyGrouper:
        """Return the grouper of a bundled scheme or family, by default the published one's.

        Raises Problem for a scheme that there is not.
        """
        if not scheme:
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

    def is_ready(self, scheme: str | None) -> bool:
        """Whether a scheme is compiled, so that an answer need not wait for it."""
        return not scheme or scheme in self._others

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
        board = self.board
        hospital = own_hospital(case, caller)
        grouper = version_of(self.grouper(scheme), case)
        facts = facts_of(case)
        told: Explanation | None = None
        if explained:
            settled = self._settled(board, case, hospital, scheme)
            told = explain(
                grouper,
                price=None if settled is None else lambda drg: _one(board, settled, drg),
                **facts,
            )
            made = told.grouping
        else:
            made = grouper.group_case(**facts)
        answer = grouping_dict(made, grouper, lang)
        answer["codes"] = self._codes(case, made, grouper, lang)
        answer |= self._payment(board, case, hospital, made, scheme, lang)
        answer["notes"] = list(self._notes(case, grouper, board, scheme, lang))
        answer["versions"] = {**board.versions, "scheme": scheme_dict(grouper)}
        answer["unverified"] = board.unverified if answer["points"] is not None else []
        answer["promise"] = in_language(PROMISE, lang)
        if case.case_id is not None:
            answer["case_id"] = case.case_id
        if told is not None:
            answer["explanation"] = {**told.as_dict(), "text": told.text(lang)}
        return answer

    def _settled(
        self, board: Board, case: Case, hospital: str | None, scheme: str | None
    ) -> SettledCases | None:
        """Return the case as the published year would settle it, None where that cannot be told.

        Raises InputError for a hospital, pool or class of bed-days that the year does not have.
        """
        pricer = board.pricer
        if pricer is None or scheme or hospital is None or case.total_cost_fen is None:
            return None
        pool = case.pool or (next(iter(board.values)) if len(board.values) == 1 else None)
        if pool is None:
            return None
        return pricer.unsettled(
            hospital,
            pool,
            case.total_cost_fen,
            days=days_of(case, pricer),
            day_surgery=case.payment_mode == "day_surgery",
            discharge_way=CODED["discharge_way"].get(case.discharge_way or "", 0),
            bed_day_class=case.bed_day_class or "",
        )

    def _payment(
        self,
        board: Board,
        case: Case,
        hospital: str | None,
        made: Grouping,
        scheme: str | None,
        lang: str,
    ) -> dict[str, Any]:
        """Return class, points, expected payment and what it is over the cost; None where unknown."""
        answer: dict[str, Any] = dict.fromkeys(
            ("case_class", "points", "point_value", "expected_fen", "over_cost_fen", "due_fen")
        )
        answer["total_cost_fen"] = case.total_cost_fen
        settled = self._settled(board, case, hospital, scheme)
        if settled is None:
            return answer
        price = _one(board, settled, made.drg)
        pool = str(settled.pool[0])
        value = board.values.get(pool)
        cost = int(settled.cost[0])
        answer["case_class"] = named(price.case_class, CASE_CLASSES[price.case_class], lang)
        answer["points"] = points_text(price.points)
        if value is not None:
            answer["point_value"] = {
                "yuan": decimal_text(value.yuan, 12),
                "fraction": f"{value.yuan.numerator}/{value.yuan.denominator}",
                "pool": pool, "run": value.run.id, "period": value.run.period,
                "provisional": value.provisional,
            }  # fmt: skip
        answer["expected_fen"] = price.fen
        answer["over_cost_fen"] = price.fen - cost
        if case.pool_fund_fen is not None:
            answer["due_fen"] = price.fen - (cost - case.pool_fund_fen)
        return answer

    def _codes(
        self, case: Case, made: Grouping, grouper: Grouper, lang: str
    ) -> dict[str, list[dict[str, Any]]]:
        """Return each code as it was read, with its name and what it counts for."""
        read = grouper.read_codes(case.diagnoses, case.procedures)
        deciding = made.severity_diagnosis
        explainer = explainer_of(grouper)
        place = 1 + read[0][1:].index(deciding) if deciding else 0
        levels = {s.code: s for s in explainer.severities(read[0], place)}
        answer: dict[str, list[dict[str, Any]]] = {}
        for which, (kind, given) in enumerate(
            (("diagnoses", case.diagnoses), ("procedures", case.procedures))
        ):
            known = grouper.scheme.procedures if which else grouper.scheme.diagnoses
            rows = []
            for number, (code, own) in enumerate(zip(given, read[which], strict=True)):
                row: dict[str, Any] = {"code": own, "name": known.name(own) or ""}
                if own != code:
                    row["written"] = code
                if own not in known.index:
                    row["unknown"] = True
                    unknown = unknown_code(grouper, which, own)
                    row["nearest"] = (
                        []
                        if unknown is None
                        else [{"code": near, "name": name} for near, name in unknown.nearest]
                    )
                severity = levels.get(own) if not which and number else None
                if severity is not None and severity.level:
                    row["level"] = severity.level
                    row["counts"] = severity.verdict == "counts"
                    row["decides"] = own == deciding
                rows.append(row)
            answer[kind] = rows
        return answer

    def _notes(
        self, case: Case, grouper: Grouper, board: Board, scheme: str | None, lang: str
    ) -> Any:
        """Yield what the reader must know of the answer."""
        day, own = case.discharge_date, grouper.scheme
        if day is None and isinstance(board.grouper, VersionedGrouper):
            yield note("no_date", both(
                f"没有出院日期，按今日施行的 {own.id} 分组",
                f"no day of discharge: grouped by {own.id}, in force today"), lang)  # fmt: skip
        elif day is not None and is_outside(day, own):
            yield note("outside_period", both(
                f"{day} 不在 {own.id} 的施行期内", f"{own.id} was not in force on {day}"), lang)  # fmt: skip
        if board.pricer is None:
            yield note("nothing_published", both(
                "经办机构尚未发布清算结果，没有点数和金额",
                "no result is published yet: no points and no payment"), lang)  # fmt: skip
        elif scheme:
            yield note("other_scheme", both(
                f"点数以 {board.pricer.scheme_name} 的基准点数为准，按 {scheme} 分组没有点数",
                f"base points are those of {board.pricer.scheme_name}: none by {scheme}"), lang)  # fmt: skip
        elif case.total_cost_fen is None:
            yield note("no_cost", both(
                "没有总费用，没有点数和金额", "no total cost: no points and no payment"), lang)  # fmt: skip


def version_of(grouper: AnyGrouper, case: Case) -> Grouper:
    """Return the grouper of the version in force at a case's discharge; raises InputError."""
    return grouper.of_day(case.discharge_date) if isinstance(grouper, VersionedGrouper) else grouper


def facts_of(case: Case) -> dict[str, Any]:
    """Return what grouping asks of a case."""
    facts: dict[str, Any] = {name: getattr(case, name) for name in FACTS}
    return {**facts, "diagnoses": case.diagnoses, "procedures": case.procedures}


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


def days_of(case: Case, pricer: Pricer) -> int:
    """Return the days of a stay as the published policy counts them (rule 2), 0 where unknown."""
    if case.los_days is not None:
        return case.los_days
    if case.admission_date is None or case.discharge_date is None:
        return 0
    days = (case.discharge_date - case.admission_date).days
    more = pricer.policy.says("los_convention", "plus_one", "difference")
    return max(0, days + more)


@kept_by_grouper
def names_of(grouper: Grouper) -> tuple[dict[str, str], dict[str, str]]:
    """Return the names of MDCs by code and of ADRGs by key."""
    scheme = grouper.scheme
    return {m.mdc: m.name for m in scheme.mdcs}, {a.key: a.name for a in scheme.adrgs}


def grouping_dict(made: Grouping, grouper: Grouper, lang: str) -> dict[str, Any]:
    """Return a grouping with its names."""
    mdcs, adrgs = names_of(grouper)
    return {
        "status": named(made.status, STATUSES[made.status], lang),
        "reason": named(made.reason, GROUPING_REASONS[made.reason], lang) if made.reason else None,
        "mdc": {"code": made.mdc, "name": mdcs.get(made.mdc, "")},
        "adrg": {"code": made.adrg, "name": adrgs.get(made.adrg_key, "")},
        "drg": {"code": made.drg, "name": made.name},
        "severity": made.severity,
        "severity_diagnosis": made.severity_diagnosis,
        "by_procedure": made.by_procedure,
    }


def scheme_dict(grouper: Grouper) -> dict[str, Any]:
    """Return which scheme grouped, and how sure its tables are."""
    scheme = grouper.scheme
    return {
        "id": scheme.id,
        "digest": scheme.digest,
        "draft": scheme.draft,
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


def _one(board: Board, settled: SettledCases, drg: str) -> Price:
    """Return what a case earns in a group, at the latest published value of its pool."""
    assert board.pricer is not None
    price = board.pricer.prices(settled, np.zeros(1, np.int64), [drg])[0]
    assert price is not None  # it is known
    value = board.values.get(str(settled.pool[0]))
    own = board.pricer.point_values[str(settled.pool[0])]
    if value is None or value.yuan == own or not price.points:
        return price
    settled_fen = divide_rounded(own.numerator * price.points * 100, own.denominator * POINT)
    latest = value.yuan
    fen = divide_rounded(latest.numerator * price.points * 100, latest.denominator * POINT)
    return price._replace(fen=price.fen - settled_fen + fen)
