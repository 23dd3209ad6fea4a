"""Why a case is in its group, what each rule lacked, and what would have changed the group."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import ref

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.editions import KINDS
from drgpay.cases.encode import EncodedCases
from drgpay.cases.tidy import grams_of
from drgpay.grouper import explain_text as words
from drgpay.grouper.changes import MOST, VARIED, Found, Nearest, Price, changer_of
from drgpay.grouper.engine import GroupedCases, Grouper, encode_case, grouping, kept_by_grouper
from drgpay.grouper.explained import DiagnosisSeverity, Explained, Reading, UnknownCode, WouldTexts
from drgpay.grouper.outcome import Grouping
from drgpay.grouper.trace import Tracer, tracer_of
from drgpay.grouper.versions import VersionedGrouper
from drgpay.grouper.would_group import would_group
from drgpay.names.columns import GROUPING_MORE
from drgpay.names.readings import READINGS
from drgpay.schemes.program import Outcome

Pricing = Callable[[str], Price]
ManyPrices = Callable[[NDArray[np.int64], Sequence[str]], Sequence[Price | None]]
MOST_KEPT = 50_000
# facts of a case beside its codes
FACTS = ("sex", "age_years", "age_days", "birth_weight_g", "los_days", "icu", *GROUPING_MORE)


@dataclass(frozen=True, slots=True)
class Explanation(Explained):
    """The grouping of a case with the rules that made it, as values and in words."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values; points in 1/10,000, money in fen."""
        names = "scheme mdc_name mdc_rule adrg_name adrg_rule adrg_kind drg_rule facts".split()
        return {
            "grouping": _plain(self.grouping),
            **{name: getattr(self, name) for name in names},
            "options": dict(self.options),
            "principal": list(self.principal),
            "procedures": [list(item) for item in self.procedures],
            "secondary": [_plain(item) for item in self.secondary],
            "tried": [
                {
                    "procedure": self.procedures[a.procedure][0] if a.procedure else "",
                    "mdcs": [words.tried_dict(step, self) for step in a.mdcs],
                }
                for a in self.trace.attempts
            ],
            "price": None if self.price is None else self.price._asdict(),
            "nearest": words.nearest_dicts(self),
            "readings": [words.reading_dict(item) for item in self.readings],
            "contradiction": [{"adrg": adrg, "mdc": mdc} for adrg, mdc in self.contradiction],
            "unknown": [words.unknown_dict(item) for item in self.unknown],
            "would_group": None if self.would is None else self.would.as_dict(),
            "warning": {"zh": words.WARNING[0], "en": words.WARNING[1]},
        }

    def text(self, lang: str = "zh", changes: Sequence[str] | None = None) -> str:
        """Return the explanation in words, Chinese or English; `changes` as in `words.lines`."""
        return "\n".join(words.lines(self, lang, changes))


def explain(
    grouper: Grouper | VersionedGrouper,
    *,
    diagnoses: Sequence[str],
    procedures: Sequence[str] = (),
    discharge_date: dt.date | None = None,
    price: Pricing | None = None,
    **given: Any,
) -> Explanation:
    """Group one case and say why; arguments and errors are those of `Grouper.group_case`.

    Of a family of versions, the one in force on `discharge_date` explains, without it today's; which
    one it was says `scheme`. `price` tells what the case earns in a group, as `drgpay.runs.pricing` does.

    >>> made = explain(Grouper("chs-drg-1.1"), sex="F", age_years=61,
    ...                diagnoses=["K22.301", "K11.901"], procedures=["96.0800x005"])
    >>> made.grouping.drg, made.secondary[0].verdict
    ('GZ13', 'counts')
    >>> [(n.drg, n.changes[0].kind) for n in made.nearest]
    [('GZ15', 'secondary_less'), ('DV19', 'principal_exchanged')]
    """
    if isinstance(grouper, VersionedGrouper):
        grouper = grouper.of_day(discharge_date)
    facts: dict[str, Any] = {**dict.fromkeys(FACTS), "icu": False, **given}
    made = grouper.group_case(diagnoses=diagnoses, procedures=procedures, **facts)
    dx, px = grouper.read_codes(diagnoses, procedures)
    facts |= {"diagnoses": dx, "procedures": px}
    facts |= {name: grams_of(facts[name]) for name in ("birth_weight_g", "admission_weight_g")}
    prices = None if price is None else lambda drgs: [price(drg) for drg in drgs]
    return explain_read(grouper, made, facts, encode_case(grouper.compiled, facts), prices)


def explain_read(
    grouper: Grouper,
    made: Grouping,
    facts: dict[str, Any],
    case: EncodedCases,
    prices: Callable[[Sequence[str]], Sequence[Price]] | None = None,
) -> Explanation:
    """Say why a case that was grouped is where it is.

    `facts` are those of `FACTS` with the codes as they were read, `case` the same encoded; `prices`
    tells what the case earns in each of some groups, the first of which is its own.
    """
    explainer = explainer_of(grouper)
    decided = made.severity_diagnosis
    deciding = 1 + facts["diagnoses"][1:].index(decided) if decided else 0
    nearest = explainer.nearest_of_one(facts, case=case)
    own: Price | None = None
    others: tuple[Price, ...] = ()
    if prices is not None:
        own, *rest = prices([made.drg, *(n.drg for n in nearest)])
        others = tuple(rest)
    return explainer.explanation(made, facts, deciding, nearest, own, others)


def unknown_code(grouper: Grouper, which: int, code: str) -> UnknownCode | None:
    """Return what is to be said of a diagnosis (0) or procedure (1) if the scheme lacks it."""
    scheme = grouper.scheme
    known = scheme.procedures if which else scheme.diagnoses
    if code in known.index:
        return None
    recoder = grouper.recoders[which]
    names = tuple((one, known.name(one)) for one in grouper.nearest[which].of(code))
    text = pa.array([code])
    editions = [name for name in recoder.others if recoder.knows(text, name)[0]]
    return UnknownCode(KINDS[which], 0, code, names, editions[0] if editions else "")


class Explainer:
    """Explains cases of one grouper; what is the same for many of them is made once."""

    def __init__(self, grouper: Grouper) -> None:
        scheme = grouper.scheme
        self.scheme, self.options = scheme.id, scheme.options
        self.grouped_by = scheme
        self.outcomes = grouper.outcomes
        self.contradictions = grouper.contradictions
        self.compiled = grouper.compiled
        self.tracer: Tracer = tracer_of(grouper)
        self.changer = changer_of(grouper)
        self.mdcs = {m.mdc: m for m in scheme.mdcs}
        self.adrgs = {a.key: a for a in scheme.adrgs}
        self.drgs = {(d.adrg_key, d.drg): d for d in reversed(scheme.drgs)}
        later = scheme.folder.large.get("valid_procedures_later.csv")
        self._later = frozenset(later["code"].to_pylist()) if later is not None else frozenset()
        self._others: dict[str, Grouper] = {}
        self._severity: dict[tuple[str, bool, bool], DiagnosisSeverity] = {}
        self._grouper = ref(grouper)  # kept by its grouper, which it must not keep
        self._unknown: dict[tuple[int, str], UnknownCode | None] = {}

    def warm_up(self) -> None:
        """Compile the other readings, for which the first case that needs one would wait."""
        scheme = self.grouped_by
        may_decide = {
            "surgical_match": True,
            "sex_and_newborn": True,
            "ungroupable_principals": any(
                codes["diagnosis"] for codes in (scheme.not_grouping, scheme.grey_codes)
            ),
            "valid_procedures": bool(self._later),
            "conditions": bool(scheme.folder.small.get("named_conditions.csv")),
        }
        for option, may in may_decide.items():
            if may:
                self._other(option)

    def nearest_of_one(
        self, facts: dict[str, Any], most: int = MOST, *, case: EncodedCases | None = None
    ) -> tuple[Nearest, ...]:
        """Return the nearest other groups of one case, `most` of them; `case`: it encoded."""
        case = encode_case(self.compiled, facts) if case is None else case
        found = self.changer.nearest(case, self.changer.group(case), most)
        return next(self._listed(found, [facts]))

    def _listed(
        self, found: Found, facts: Sequence[dict[str, Any]]
    ) -> Iterator[tuple[Nearest, ...]]:
        return self.changer.listed(
            found,
            [f["diagnoses"] for f in facts],
            [f["procedures"] for f in facts],
            [_numbers(f) for f in facts],
        )

    def explanations(
        self,
        cases: EncodedCases,
        grouped: GroupedCases,
        facts: Sequence[dict[str, Any]],
        prices: ManyPrices | None = None,
    ) -> Iterator[Explanation]:
        """Yield the explanations of many cases that are all good.

        `prices` is given places of cases and groups, and returns what each earns there, or None.
        """
        found = self.changer.nearest(cases, grouped.group)
        priced: Sequence[Any] = ()
        own: Sequence[Price | None] = ()
        if prices is not None:
            drgs = [o.drg for o in self.outcomes]
            rows = np.repeat(np.arange(len(facts)), np.diff(found.start))
            priced = prices(rows, [drgs[o] for o in found.outcome.tolist()])
            own = prices(np.arange(len(facts)), [drgs[o] for o in grouped.group.tolist()])
        columns = (grouped.group, grouped.reason, grouped.level, grouped.deciding)
        lists = zip(facts, self._listed(found, facts), *(c.tolist() for c in columns), strict=True)
        start = found.start.tolist()
        for i, (f, near, group, reason, level, deciding) in enumerate(lists):
            price = own[i] if own else None
            others = tuple(priced[start[i] : start[i + 1]]) if price is not None else ()
            made = grouping(
                self.outcomes[group], reason, level, f["diagnoses"][deciding] if deciding else ""
            )
            yield self.explanation(made, f, deciding, near, price, others)

    def explanation(
        self,
        g: Grouping,
        facts: dict[str, Any],
        deciding: int,
        nearest: tuple[Nearest, ...],
        price: Price | None = None,
        prices: tuple[Price, ...] = (),
    ) -> Explanation:
        """Return the explanation of a grouped case; `deciding` is the diagnosis that decided."""
        trace = self.tracer.trace(**facts)
        alone = trace.attempts[-1].procedure
        if alone and not g.by_procedure:
            g = replace(g, by_procedure=facts["procedures"][alone])
        mdc, adrg = self.mdcs.get(g.mdc), self.adrgs.get(g.adrg_key)
        drg = self.drgs.get((g.adrg_key, g.drg))
        diagnoses, names = facts["diagnoses"], self.tracer.procedure_names
        return Explanation(
            g,
            self.scheme,
            self.options,
            (diagnoses[0], self.tracer.diagnosis_names.get(diagnoses[0]) or ""),
            tuple([(code, names.get(code) or "") for code in facts["procedures"]]),
            mdc.name if mdc else "",
            mdc.rule if mdc else "",
            adrg.name if adrg else "",
            adrg.rule if adrg else "",
            adrg.kind if adrg else "",
            drg.rule if drg else "",
            self.severities(diagnoses, deciding),
            facts,
            trace,
            self.tracer.site_counts(diagnoses),
            nearest,
            prices,
            price,
            self.unknown(diagnoses, facts["procedures"]),
            tuple(self._readings(g, facts)),
            self._contradiction(g, diagnoses[0]),
            self._would(g, facts),
        )

    def _would(self, g: Grouping, facts: dict[str, Any]) -> WouldTexts | None:
        """Return which codes of the same category would group an ungrouped case."""
        grouper = self._grouper()
        if g.status != "ungroupable" or grouper is None:
            return None
        case, (dx, px) = (
            encode_case(self.compiled, facts),
            (facts["diagnoses"], facts["procedures"]),
        )
        would = would_group(grouper).of(case, [0], [dx], [px])[0]
        told = replace(would, contradiction=())  # which has a line of its own
        scheme = grouper.scheme
        names = [(code, scheme.diagnoses.name(code)) for code in (*would.diagnoses, *would.both)]
        names += [(code, scheme.procedures.name(code)) for code in would.procedures]
        texts = (told.text(scheme, "zh"), told.text(scheme, "en"))
        return WouldTexts(would, tuple(names), texts)

    def _contradiction(self, g: Grouping, principal: str) -> tuple[tuple[str, str], ...]:
        """Return where the scheme contradicts itself on the principal of an ungrouped case."""
        if g.status != "ungroupable":
            return ()
        return self.contradictions.of(self.compiled.encode_diagnosis(principal))

    def _readings(self, g: Grouping, facts: dict[str, Any]) -> Iterator[Reading]:
        """Yield the readings under whose other choice the case would be in another group."""
        scheme = self.grouped_by
        principal = facts["diagnoses"][0]
        kind = self.adrgs[g.adrg_key].kind if g.adrg_key in self.adrgs else ""
        passed_on = scheme.options["sex_and_newborn"] == "passed_on"
        several = len(facts["procedures"]) > 1
        may_decide = {
            "surgical_match": several,
            "ungroupable_principals": any(
                principal in codes["diagnosis"]
                for codes in (scheme.not_grouping, scheme.grey_codes)
            ),
            "sex_and_newborn": kind == "ambiguous"
            or (passed_on and self._of_sex_or_newborn(facts)),
            "valid_procedures": not self._later.isdisjoint(facts["procedures"]),
            "conditions": self._may_meet_condition(facts["procedures"]),
        }
        for option, may in may_decide.items():
            if not may:
                continue
            choice = scheme.options[option]
            other = next(word for word in READINGS[option] if word != choice)
            would = self._other(option).outcome_of(facts)
            if would.drg != g.drg:
                met: tuple[tuple[str, str, str], ...] = ()
                if option == "conditions":
                    met = tuple(self._conditions_of(g, would))
                yield Reading(option, choice, other, would.drg, would.name, met)

    def _other(self, option: str) -> Grouper:
        """Return the grouper of the other choice of a reading."""
        if option not in self._others:
            chosen = self.grouped_by.options[option]
            other = next(word for word in READINGS[option] if word != chosen)
            self._others[option] = Grouper(self.grouped_by, readings={option: other})
        return self._others[option]

    def _named(self) -> Grouper | None:
        """Return the grouper that reads conditions as names state them."""
        own = self._grouper()
        return own if self.options["conditions"] == "named" else self._other("conditions")

    def _may_meet_condition(self, procedures: Sequence[str]) -> bool:
        """Return whether a procedure is one that a condition taken over asks, or the tabled rule."""
        named = None
        if procedures and self.grouped_by.folder.small.get("named_conditions.csv"):
            named = self._named()
        if named is None:
            return False
        index, met = self.compiled.procedures.index, named.procedures_of_conditions
        return any(met[index.get(code, 0)] for code in procedures)

    def _conditions_of(self, *groupings: Grouping | Outcome) -> Iterator[tuple[str, str, str]]:
        """Yield the conditions taken over of the groups in which a case is under either reading."""
        named = self._named()
        known = {} if named is None else named.scheme.named_conditions
        for name in dict.fromkeys(name for g in groupings for name in (g.mdc, g.adrg_key, g.adrg)):
            if name in known:
                yield name, known[name].words, known[name].source

    def _of_sex_or_newborn(self, facts: dict[str, Any]) -> bool:
        """Return whether a case is an infant's, or of an MDC that the other sex may not enter."""
        scheme = self.grouped_by
        number = scheme.diagnoses.index.get(facts["diagnoses"][0], 0)
        changed = [row["mdc"] for _, row in scheme.folder.small.get("passed_on.csv", [])]
        return bool(changed) and (
            facts["age_years"] == 0 or any(number in scheme.list_ids(mdc, "dx") for mdc in changed)
        )

    def unknown(
        self, diagnoses: Sequence[str], procedures: Sequence[str]
    ) -> tuple[UnknownCode, ...]:
        """Return the codes of a case that the scheme does not know, with the nearest known ones."""
        found = []
        grouper, kept = self._grouper(), self._unknown
        for which, codes in enumerate((diagnoses, procedures)):
            for place, code in enumerate(codes):
                if (which, code) not in kept:
                    if len(kept) > MOST_KEPT or grouper is None:
                        kept.clear()
                    if grouper is None:
                        continue
                    kept[which, code] = unknown_code(grouper, which, code)
                item = kept[which, code]
                if item is not None:
                    found.append(replace(item, place=place))
        return tuple(found)

    def severities(self, diagnoses: Sequence[str], deciding: int) -> tuple[DiagnosisSeverity, ...]:
        """Return what each secondary diagnosis counts beside the principal one."""
        excluded = self.tracer.excluded_under.get(diagnoses[0], ())
        table, kept = self.tracer.severity, self._severity
        result = []
        for place, code in enumerate(diagnoses[1:], 1):
            entry = table.get(code)
            out = entry is not None and entry[1] in excluded
            key = (code, out, place == deciding)
            found = kept.get(key)
            if found is None:
                names = self.tracer.diagnosis_names
                if entry is not None:
                    verdict = "excluded" if out else "counts"
                else:
                    verdict = "none" if code in names else "unknown"
                level, number = entry or ("", "")
                found = kept[key] = DiagnosisSeverity(
                    code, names.get(code) or "", level, number, verdict, place == deciding
                )
            result.append(found)
        return tuple(result)


def _plain(item: Grouping | DiagnosisSeverity) -> dict[str, Any]:
    """Return a record whose values are plain; `asdict` would copy each of them."""
    return {name: getattr(item, name) for name in item.__dataclass_fields__}


def _numbers(facts: dict[str, Any]) -> tuple[int, ...]:
    given = [facts.get(name) for name in VARIED]
    known = tuple([-1 if value is None else int(value) for value in given])
    return (*known, int(facts["icu"]), 1 if facts["sex"] == "M" else 2)


explainer_of = kept_by_grouper(Explainer)
