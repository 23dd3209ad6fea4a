"""Reads procedures (procedures.toml, or a region's own file), and says all that is wrong with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeGuard

from drgpay.ground.errors import Bilingual, InputError, both, fault_at
from drgpay.ground.inputs import read_toml
from drgpay.ledger.procedures import (
    BEGINS,
    LATENESS,
    MATTERS,
    Clause,
    Procedure,
    Procedures,
    Step,
    TimeLimit,
)
from drgpay.names.ledger import BOOK_ROLES, ENTRY_KINDS
from drgpay.policy.budget import BUDGET
from drgpay.policy.constraints import MonthDay

TABLE = Path(__file__).with_name("procedures.toml")
FILE_KEYS = frozenset("texts papers procedure".split())
PROCEDURE_KEYS = frozenset("name clause per begins persons step".split())
STEP_KEYS = frozenset(
    "id name clause role papers after when optional each returns_to deadline late entry".split()
)
# ways to say when, by the keys that each has; all may have `clause` and `assumed`
LIMIT_KEYS = (
    frozenset({"by", "year"}),
    frozenset({"parameter", "year"}),
    frozenset({"day", "month"}),
    frozenset({"working_days", "after", "counted"}),
)
COUNTED = ("done", "deadline")
LAST_DAY_OF_ALL_MONTHS = 28
MOST_MONTHS, MOST_YEARS, MOST_WORKING_DAYS = 12, 2, 250
DAYS = MonthDay()


@cache
def load_procedures() -> Procedures:
    """Return the procedures that this program knows.

    >>> len(load_procedures().by_id["clearing"].steps)
    9
    """
    return read_procedures(TABLE)


def read_procedures(path: Path) -> Procedures:
    """Return the procedures of a file.

    Raises InputError with all its faults: an unknown key, role, paper, text, parameter or step, a
    step that comes before itself, a text in one language.
    """
    reader = _Reader(path, read_toml(path))
    found = reader.procedures()
    if reader.faults or found is None:
        reader.faults[:] = dict.fromkeys(reader.faults)  # a word that stands twice is told once
        raise InputError(
            both("程序文件不能使用", "the procedures cannot be used"),
            where=path,
            faults=reader.faults,
            remedy=both("格式见 docs/formats.md", "docs/formats.md has the format"),
        )
    return found


class _Reader:
    """Reads one file and notes what is wrong with it; what is faulty is passed over."""

    def __init__(self, path: Path, data: Mapping[str, Any]) -> None:
        self.path = path
        self.data = data
        self.faults: list[Bilingual] = []
        self.texts: dict[str, tuple[Bilingual, bool]] = {}
        self.papers: dict[str, Bilingual] = {}

    def fault(self, where: str, chinese: str, english: str) -> None:
        """Note a fault."""
        self.faults.append(fault_at(f"{self.path} {where}".rstrip(), chinese, english))

    def procedures(self) -> Procedures | None:
        """Return what the file says, as far as it can be read."""
        self.keys("", self.data, FILE_KEYS)
        for id, row in self.table("", self.data, "texts").items():
            where = f"texts.{id}"
            if isinstance(row, dict):
                self.keys(where, row, frozenset({"name", "whole"}))
                name, whole = self.pair(where, row, "name"), self.flag(where, row, "whole")
                self.texts[id] = (name, whole)
            else:
                self.fault(where, "应有 name 和 whole", "must have name and whole")
        papers = self.table("", self.data, "papers")
        self.papers = {id: self.pair("papers", papers, id) for id in papers}
        rows = self.table("", self.data, "procedure")
        made = {id: self.procedure(f"procedure.{id}", id, row) for id, row in rows.items()}
        if not made:
            self.fault("", "没有程序", "has no procedure")
        for paper in self.papers:
            if not any(paper in s.papers for p in made.values() if p for s in p.steps.values()):
                self.fault(f"papers.{paper}", "没有步骤要用", "is asked for by no step")
        return Procedures(
            papers=self.papers, by_id={id: found for id, found in made.items() if found}
        )

    def procedure(self, where: str, id: str, row: Any) -> Procedure | None:
        """Return a procedure."""
        if not isinstance(row, dict):
            self.fault(where, "应是一个表", "must be a table")
            return None
        self.keys(where, row, PROCEDURE_KEYS)
        steps: dict[str, Step] = {}
        given = row.get("step")
        for number, one in enumerate(given if isinstance(given, list) else [], 1):
            step = self.step(f"{where}.step {number}", one, steps)
            if step and step.id in steps:
                self.fault(f"{where}.{step.id}", "步骤重复", "stands twice")
            if step:
                steps[step.id] = step
        if not steps:
            self.fault(where, "没有步骤", "has no step")
        per = self.choice(where, row, "per", tuple(MATTERS))
        for step in steps.values():
            if step.limit and step.limit.day and per != "month":
                self.fault(
                    f"{where}.{step.id}",
                    "按月的期限只用于 per = month 的程序",
                    "a day of a month is for procedures of a month",
                )
        return Procedure(
            id=id,
            name=self.pair(where, row, "name"),
            clause=self.clause(where, row, "clause"),
            per=per,
            begins=self.choice(where, {"begins": "at_once", **row}, "begins", tuple(BEGINS)),
            steps=steps,
            persons=self.persons(where, row, steps),
        )

    def persons(
        self, where: str, row: Mapping[str, Any], steps: Mapping[str, Step]
    ) -> tuple[tuple[str, ...], ...]:
        """Return the groups of steps that different persons must do."""
        groups = row.get("persons", [])
        right = isinstance(groups, list) and all(
            isinstance(group, list) and len(group) > 1 and all(s in steps for s in group)
            for group in groups
        )
        if not right:
            self.fault(
                where,
                "persons 应是步骤的分组，每组至少两步",
                "persons must be groups of at least two steps each",
            )
            return ()
        return tuple(tuple(group) for group in groups)

    def step(self, where: str, row: Any, before: Mapping[str, Step]) -> Step | None:
        """Return a step; `before` are the steps that stand above it."""
        if not isinstance(row, dict) or not isinstance(row.get("id"), str) or not row["id"]:
            self.fault(where, "步骤没有 id", "a step has no id")
            return None
        where = f"{where.rpartition('.')[0]}.{row['id']}"
        self.keys(where, row, STEP_KEYS)
        clause = self.clause(where, row, "clause")
        after = self.names(where, row, "after", before)
        when = self.name(where, row, "when", before)
        returns_to = self.name(where, row, "returns_to", before)
        papers = self.names(where, row, "papers", self.papers)
        if not papers:
            self.fault(where, "没有要存档的材料", "asks for no paper")
        limit = self.limit(where, row["deadline"], clause, before) if "deadline" in row else None
        if ("late" in row) != ("deadline" in row):
            self.fault(where, "deadline 与 late 须同时写", "deadline and late stand together")
        return Step(
            id=row["id"],
            name=self.pair(where, row, "name"),
            clause=clause,
            role=self.choice(where, row, "role", tuple(BOOK_ROLES)),
            papers={paper: self.papers[paper] for paper in papers},
            after=after,
            when=when,
            optional=self.flag(where, row, "optional", False),
            each=self.flag(where, row, "each", False),
            returns_to=returns_to,
            limit=limit,
            late=self.choice(where, row, "late", tuple(LATENESS)) if "late" in row else "",
            entry=self.choice(where, row, "entry", tuple(ENTRY_KINDS)) if "entry" in row else "",
        )

    def limit(
        self, where: str, row: Any, clause: Clause, before: Mapping[str, Step]
    ) -> TimeLimit | None:
        """Return when a step must be done."""
        where = f"{where}.deadline"
        given = row.keys() - {"clause", "assumed"} if isinstance(row, dict) else set()
        ways = [keys for keys in LIMIT_KEYS if given <= keys]
        first = [key for key in ("by", "parameter", "day", "working_days") if key in given]
        if len(ways) != 1 or len(first) != 1:
            self.fault(
                where,
                "应写 by、parameter、day、working_days 之一及其所属的键",
                "must have one of by, parameter, day and working_days, with the keys of that one",
            )
            return None
        return TimeLimit(
            by=self.date(where, row),
            parameter=self.parameter(where, row),
            year=self.number(where, row, "year", 0, MOST_YEARS),
            day=self.number(where, row, "day", 1, LAST_DAY_OF_ALL_MONTHS),
            month=self.number(where, row, "month", 0, MOST_MONTHS),
            working_days=self.number(where, row, "working_days", 1, MOST_WORKING_DAYS),
            after=self.name(where, row, "after", before, needed="working_days" in row),
            counted=self.choice(where, {"counted": "done", **row}, "counted", COUNTED),
            clause=self.clause(where, row, "clause") if "clause" in row else clause,
            assumed=self.pair(where, row, "assumed") if "assumed" in row else None,
        )

    # ---- what single keys hold

    def keys(self, where: str, row: Mapping[str, Any], known: frozenset[str]) -> None:
        """Note keys that there are not."""
        for key in row:
            if key not in known:
                self.fault(where, f"不认识的键“{key}”", f"unknown key {key!r}")

    def table(self, where: str, row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """Return the table of a key, empty where there is none."""
        found = row.get(key)
        if not isinstance(found, dict):
            self.fault(where, f"缺少表“{key}”", f"lacks the table {key!r}")
            return {}
        return found

    def pair(self, where: str, row: Mapping[str, Any], key: str) -> Bilingual:
        """Return a text in both languages."""
        found = row.get(key)
        if not _texts(found, 2):
            self.fault(
                where,
                f"“{key}”应是中文、英文两段文字",
                f"{key!r} must be two texts, Chinese and English",
            )
            return both("", "")
        return both(*found)

    def clause(self, where: str, row: Mapping[str, Any], key: str) -> Clause:
        """Return a clause: a text, and the place in it."""
        found = row.get(key)
        if not _texts(found, 3) or found[0] not in self.texts:
            self.fault(
                where,
                f"“{key}”应是文件代号（{'、'.join(self.texts)}）和中文、英文的条款",
                f"{key!r} must be a text ({', '.join(self.texts)}) and the place in Chinese and English",
            )
            return Clause(text=both("", ""), place=both("", ""), whole=False)
        text, chinese, english = found
        name, whole = self.texts[text]
        return Clause(text=name, place=both(chinese, english), whole=whole)

    def choice(self, where: str, row: Mapping[str, Any], key: str, known: Sequence[str]) -> str:
        """Return one of some words."""
        found = row.get(key)
        if found not in known:
            self.fault(
                where,
                f"“{key}”应是 {'、'.join(known)} 之一，而不是“{found}”",
                f"{key!r} must be one of {', '.join(known)}, not {found!r}",
            )
            return known[0]
        return str(found)

    def name(
        self,
        where: str,
        row: Mapping[str, Any],
        key: str,
        known: Mapping[str, Any],
        needed: bool = False,
    ) -> str:
        """Return the name of a step above, empty where none is given."""
        if key not in row and not needed:
            return ""
        found = self.names(where, {key: [row.get(key)]}, key, known)
        return found[0] if found else ""

    def names(
        self, where: str, row: Mapping[str, Any], key: str, known: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """Return names that are known.

        Steps must stand above the one that names them, so that none comes before itself.
        """
        given = row.get(key, [])
        given = given if isinstance(given, list) else [given]
        for one in given:
            if not isinstance(one, str) or one not in known:
                self.fault(
                    where,
                    f"“{key}”中的“{one}”不存在，或写在本步骤之后（步骤按先后排列，不能成环）",
                    f"{key!r} names {one!r}, which there is not, or not above this step (steps stand "
                    "in their order, without a circle)",
                )
            elif given.count(one) > 1:
                self.fault(where, f"“{key}”中“{one}”重复", f"{key!r} names {one!r} twice")
        return tuple(dict.fromkeys(one for one in given if isinstance(one, str) and one in known))

    def flag(
        self, where: str, row: Mapping[str, Any], key: str, absent: bool | None = None
    ) -> bool:
        """Return a yes or no."""
        found = row.get(key, absent)
        if not isinstance(found, bool):
            self.fault(where, f"“{key}”应是 true 或 false", f"{key!r} must be true or false")
        return found is True

    def number(self, where: str, row: Mapping[str, Any], key: str, low: int, high: int) -> int:
        """Return a whole number, 0 where none is given."""
        found = row.get(key, 0)
        if key in row and (type(found) is not int or not low <= found <= high):
            self.fault(
                where, f"“{key}”应是 {low} 至 {high} 的整数", f"{key!r} must be {low} to {high}"
            )
            return 0
        return int(found)

    def date(self, where: str, row: Mapping[str, Any]) -> tuple[int, int] | None:
        """Return month and day of a date."""
        if "by" not in row:
            return None
        try:
            return DAYS.read("by", row["by"])
        except ValueError:
            self.fault(where, "by 应写作 月-日，如 01-15", "'by' must be MM-DD, as 01-15")
            return None

    def parameter(self, where: str, row: Mapping[str, Any]) -> str:
        """Return a parameter of the policy that holds a day of the year."""
        key = row.get("parameter", "")
        days = [k for k, known in BUDGET.items() if isinstance(known.takes, MonthDay)]
        if "parameter" in row and key not in days:
            self.fault(
                where,
                f"没有日期参数“{key}”；可用：{'、'.join(days)}",
                f"no parameter {key!r} holds a day; known: {', '.join(days)}",
            )
        return str(key)


def _texts(value: Any, count: int) -> TypeGuard[list[str]]:
    """Whether a value is a list of so many texts, none of them empty."""
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(text, str) and text.strip() for text in value)
    )
