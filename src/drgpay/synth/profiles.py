"""Profiles: believable combinations of principal diagnosis and procedures, tried on the grouper.

For every ADRG of a scheme, codes of its lists are combined by how common they are and how alike
their names are (a gallbladder goes with gallstones); a combination is kept only when the real
grouper puts it into that ADRG. So the same few lines serve any scheme.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.encode import Codes, EncodedCases
from drgpay.ground.errors import SchemeError, both
from drgpay.ground.reference import resolve
from drgpay.grouper import Grouper
from drgpay.schemes.folders import small_table
from drgpay.schemes.tables import AdrgRow, DrgRow, Scheme, Vocabulary
from drgpay.synth import clinical

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

LEAST_SHARE = {"surgical": 1.2e-4, "medical": 1.5e-4}
LEAST_SHARE_OF_MDC_A = 1.2e-5
LEAST_SHARE_OF_A_COMBINATION = 2e-5
SURGICAL_RISE = 1.5  # brings the share of surgical groups to about a third
WEIGHTS_SCHEME = "chs-drg-2.0"
MAIN_PROCEDURES, DIAGNOSES_OF_A_PROCEDURE, DIAGNOSES_OF_A_MEDICAL_GROUP = 28, 10, 150
# birth weight classes: none, below 1500 g, below 2000 g, below 2500 g, from 2500 g
WEIGHT_FROM = (0, 700, 1500, 2000, 2500)
WEIGHT_TO = (0, 1500, 2000, 2500, 4300)
_WEIGHT_SHARE = (0.0, 0.03, 0.05, 0.12, 0.8)


@dataclass(frozen=True, slots=True)
class Profiles:
    """Q combinations and L lines (rules of ADRGs); codes are numbers of the scheme, 0 for none."""

    principal: Ints  # [Q]
    secondary: Ints  # [Q] a diagnosis that the group asks for
    procedures: Ints  # [Q, 3] the main one first
    line: NDArray[np.int16]  # [Q]
    share: Floats  # [Q] of all stays
    age_class: NDArray[np.int8]  # [Q] of clinical.AGE_CLASSES
    birth_class: NDArray[np.int8]  # [Q] of WEIGHT_FROM
    sex: NDArray[np.int8]  # [Q] 0 either, 1 M, 2 F
    female: Floats  # [Q] share of women
    again: Floats  # [Q] share of stays by returning patients
    visits: NDArray[np.int32]  # [Q] stays of such a patient in a year
    season: NDArray[np.int8]  # [Q]
    day_surgery: Floats  # [Q] share
    special: NDArray[np.int8]  # [Q] 0 none, else 1 + index of clinical.SPECIAL
    letters: tuple[str, ...]  # [L] MDC of a line
    surgical: NDArray[np.bool_]  # [L]
    weight: Floats  # [L] expected relative weight
    names: tuple[str, ...]  # [L]


@dataclass(frozen=True, slots=True)
class Frequencies:
    """How common each code is: index is the code's number, 0 the unknown code."""

    diagnosis: Floats
    procedure: Floats
    diagnosis_codes: list[str]  # with an empty one in front
    procedure_codes: list[str]
    sex: NDArray[np.int8]  # of a diagnosis: 0 either, 1 M, 2 F


def drg_weights(grouper: Grouper) -> Floats:
    """Return a relative weight for each outcome of a grouper, `0000` last.

    Published weights of CHS-DRG 2.0 by DRG, else the mean of the ADRG with a step for
    severity, else the mean of MDC and kind, else of the kind.
    """
    own = grouper.scheme.weights
    path = resolve("schemes", WEIGHTS_SCHEME) / "weights.csv"
    known = own or {row["drg"]: float(row["weight"]) for _, row in small_table(path, "weights.csv")}
    surgical = {row.adrg: row.kind == "surgical" for row in grouper.scheme.adrgs}

    def kind(drg: str) -> str:
        return "surgical" if surgical.get(drg[:3], drg[1:2] < "R") else "medical"

    means: dict[str, list[float]] = defaultdict(list)
    for drg, weight in known.items():
        for key in (drg[:3], drg[0] + kind(drg), kind(drg), ""):
            means[key].append(weight)
    step = {"1": 1.35, "3": 1.05, "5": 0.85, "9": 1.0, "7": 0.9, "8": 1.2}
    weights = []
    for outcome in grouper.outcomes:
        drg = outcome.drg
        if drg in known:
            weights.append(known[drg])
            continue
        key = next(k for k in (drg[:3], drg[0] + kind(drg), kind(drg), "") if k in means)
        middle = float(np.median(means[key])) if key != drg[:3] else float(np.mean(means[key]))
        weights.append(middle * step.get(drg[-1], 1.0))
    floored: Floats = np.maximum(0.15, np.array(weights))
    return floored


def frequencies(scheme: Scheme) -> Frequencies:
    """Return how common the codes of a scheme are: Zipf inside a category, short names first."""
    diagnoses, procedures = scheme.diagnoses, scheme.procedures
    dx_codes, dx_names = _words(diagnoses)
    px_codes, px_names = _words(procedures)
    dx = _zipf(dx_codes, dx_names, [code[:3] for code in dx_codes], clinical.CATEGORY, 1.3)
    px_keys = [clinical.longest_match(code, clinical.PROCEDURE) or code[:4] for code in px_codes]
    px = _zipf(px_codes, px_names, px_keys, clinical.PROCEDURE, 0.9)
    dx[0] = px[0] = 0.0
    sex = np.zeros(len(dx_codes), dtype=np.int8)
    for i, code in enumerate(dx_codes):
        if code.startswith(clinical.FEMALE_ONLY):
            sex[i] = 2
        elif code.startswith(clinical.MALE_ONLY):
            sex[i] = 1
    for mdc in scheme.mdcs:
        if mdc.letter in "NOM":
            for (owner, name), ids in scheme.lists.items():
                if owner == mdc.mdc and not name.startswith("proc"):
                    sex[ids] = 1 if mdc.letter == "M" else 2
    return Frequencies(dx, px, dx_codes, px_codes, sex)


def _words(vocabulary: Vocabulary) -> tuple[list[str], list[str]]:
    names = [name or "" for name in vocabulary.names.to_pylist()]
    return ["", *vocabulary.codes.to_pylist()], ["", *names]


def _zipf(
    codes: list[str], names: list[str], keys: list[str], known: dict[str, float], steep: float
) -> Floats:
    members: dict[str, list[int]] = defaultdict(list)
    for i, key in enumerate(keys):
        members[key].append(i)
    rare = clinical.RARE_CATEGORY if known is clinical.CATEGORY else clinical.RARE_PROCEDURE
    shares = np.zeros(len(codes))
    for key, ids in members.items():

        def rank(i: int) -> tuple[bool, int, str]:
            odd = not names[i] or "+" in codes[i] or "*" in codes[i]
            length = len(names[i]) + 2 * ("x" in codes[i][6:])
            return (codes[i] not in clinical.TYPICAL, 99 if odd else length, codes[i])

        ordered = sorted(ids, key=rank)
        part = 1.0 / np.arange(1, len(ordered) + 1) ** steep
        shares[ordered] = known.get(key, rare) * part / part.sum()
    return shares


# --- alike names ----------------------------------------------------------------------------------


def _grams(name: str) -> set[str]:
    plain = re.sub(r"[^\u4e00-\u9fff]", "", name)
    return set(plain) | {plain[i : i + 2] for i in range(len(plain) - 1)}


class _Alike:
    """Scores how alike the names of a set of diagnoses are to a procedure's name."""

    def __init__(self, ids: Ints, names: list[str]) -> None:
        self.ids = ids
        found: dict[str, list[int]] = defaultdict(list)
        for position, i in enumerate(ids.tolist()):
            for gram in _grams(names[i]):
                found[gram].append(position)
        self.places = {gram: np.array(places) for gram, places in found.items()}
        lengths = np.array([max(4, len(names[i])) for i in ids.tolist()], dtype=np.float64)
        self.scale = 1.0 / np.sqrt(lengths)

    def scores(self, name: str) -> Floats:
        """Return a score from 0 to 1 for each diagnosis."""
        total = np.zeros(len(self.ids))
        for gram in sorted(_grams(name)):
            places = self.places.get(gram)
            if places is not None:
                rare = np.log(1 + len(self.ids) / len(places))
                total[places] += rare * (1.0 if len(gram) == 2 else 0.35)
        total *= self.scale
        top = float(total.max(initial=0.0))
        return total / top if top > 0 else total


# --- candidates -----------------------------------------------------------------------------------


class _Candidate(NamedTuple):  # there are tens of thousands
    line: int
    principal: int
    secondary: int
    procedures: tuple[int, ...]
    weight: float
    infant: bool
    birth_class: int


class _Builder:
    def __init__(
        self, grouper: Grouper, diagnoses: NDArray[np.bool_], procedures: NDArray[np.bool_]
    ) -> None:
        self.grouper = grouper
        self.diagnoses, self.usable = diagnoses, procedures
        self.scheme = grouper.scheme
        self.freq = frequencies(grouper.scheme)
        _, self.dx_names = _words(self.scheme.diagnoses)
        _, self.px_names = _words(self.scheme.procedures)
        self.alike: dict[str, _Alike] = {}
        self.with_sites = {mdc.mdc for mdc in self.scheme.mdcs if mdc.sites}
        self.own: dict[str, dict[str, Ints]] = defaultdict(dict)
        for (owner, name), ids in self.scheme.lists.items():
            usable = procedures if name.startswith("proc") else diagnoses
            self.own[owner][name] = ids[usable[ids]]
        valid = self.scheme.valid_procedures
        self.valid = valid[procedures[valid]]
        minor = self.freq.procedure * procedures
        minor[valid] = 0.0
        self.minor = np.argsort(-minor, kind="stable")[:BASES]  # common and never an operation

    def pool(self, mdc: str) -> Ints:
        """Return the principal diagnoses of an MDC, or what is common when it lists none."""
        lists = self.own.get(mdc, {})
        if "dx" in lists:
            return lists["dx"]
        found = [ids for name, ids in sorted(lists.items()) if not name.startswith("proc")]
        if found:
            return np.unique(np.concatenate(found)).astype(np.int32)
        letters = np.array([code[:1] for code in self.freq.diagnosis_codes])
        fitting = np.isin(letters, list("BCDEGIJKNRS")) & self.diagnoses
        common = np.argsort(-self.freq.diagnosis * fitting, kind="stable")[:3000]
        return np.sort(common).astype(np.int32)

    def procedures(self, row: AdrgRow) -> tuple[Ints, list[Ints]]:
        """Return what may be the main procedure of a rule, and the lists it asks for besides."""
        lists = self.own.get(row.key, {})
        named = [ids for name, ids in sorted(lists.items()) if name.startswith("proc")]
        literal = re.findall(r"_procedure in \{([^}]*)\}", row.rule)
        for words in literal:
            ids = [self.scheme.procedures.index.get(w, 0) for w in re.findall(r'"([^"]+)"', words)]
            named.append(np.array([i for i in ids if self.usable[i]], dtype=np.int32))
        if not named and "_procedure in valid_procedures" in row.rule:
            named = [self.valid]
        if not named:
            return np.zeros(0, dtype=np.int32), []
        return named[0], [ids for ids in named[1:] if len(ids)]

    def candidates(self) -> tuple[list[_Candidate], Floats]:
        """Return candidates and the raw frequency of each line."""
        rows = self.scheme.adrgs
        lists = [
            self.procedures(row) if row.kind == "surgical" else (np.zeros(0, np.int32), [])
            for row in rows
        ]
        letter = {mdc.mdc: mdc.letter for mdc in self.scheme.mdcs}
        factor = [
            clinical.PROCEDURE_SHARE.get(letter[row.mdc], 1.0)
            * (0.1 if "终末期" in row.name else 1.0)
            for row in rows
        ]
        taken = np.full(len(self.freq.procedure), 1e-12)
        for (main, _), part, row in zip(lists, factor, rows, strict=True):
            if "valid_procedures" not in row.rule:
                taken[main] += part
        found: list[_Candidate] = []
        raw = np.zeros(len(rows))
        for number, row in enumerate(rows):
            main, further = lists[number]
            if row.kind == "surgical":
                share = self.freq.procedure * factor[number] / taken
                if "valid_procedures" in row.rule:
                    share = self.freq.procedure * 1e-3
                raw[number] = SURGICAL_RISE * share[main].sum()
                found += self.surgical(number, row, main, further, share)
            else:
                part = 0.06 if "PV" in row.key or row.mdc.endswith("Z") else 1.0
                part = 0.03 if row.mdc.endswith("Z") else part
                if row.rule.startswith("secondary in ") and "principal" not in row.rule:
                    part = clinical.PART_OF_BESIDE
                found += self.medical(number, row)
                raw[number] = part * self.freq.diagnosis[self.principals(row)].sum()
        return found, raw

    def principals(self, row: AdrgRow) -> Ints:
        """Return the principal diagnoses of a rule."""
        own = self.own.get(row.key, {})
        if "dx" in own and re.search(r"(principal|any_diagnosis) in dx\b", row.rule):
            return own["dx"]
        return self.pool(row.mdc)

    def secondaries(self, row: AdrgRow, principal: int) -> list[int]:
        """Return diagnoses to stand beside the principal one because the rule asks for them."""
        names = re.findall(r"secondary in (\w+)", row.rule)
        if names:
            ids = self.own.get(row.key, {}).get(names[0], np.zeros(0, np.int32))
            order = np.argsort(-self.freq.diagnosis[ids], kind="stable")[:3]
            return [int(i) for i in ids[order]]
        if row.mdc in self.with_sites:
            lists = self.own[row.mdc]
            sites = {name: ids for name, ids in lists.items() if name.startswith("site_")}
            other = [ids for _, ids in sorted(sites.items()) if principal not in set(ids.tolist())]
            return [int(ids[np.argmax(self.freq.diagnosis[ids])]) for ids in other[:3]]
        return [0]

    def ages(self, row: AdrgRow) -> list[tuple[bool, int]]:
        """Return the combinations of (infant, birth class) to try."""
        if not row.mdc.endswith("P"):
            return [(False, 0)]
        if "birth_weight_g" in row.rule:
            return [(False, i) for i in (1, 2, 3, 4)]
        return [(False, 4), (True, 0)]

    def medical(self, number: int, row: AdrgRow) -> list[_Candidate]:
        """Return candidates of a medical rule: its commonest principal diagnoses."""
        pool = self.principals(row)
        top = pool[np.argsort(-self.freq.diagnosis[pool], kind="stable")]
        return [
            _Candidate(number, i, second, (), float(self.freq.diagnosis[i]), infant, birth)
            for i in top[:DIAGNOSES_OF_A_MEDICAL_GROUP].tolist()
            for second in self.secondaries(row, i)[:1]
            for infant, birth in self.ages(row)
        ]

    def surgical(
        self, number: int, row: AdrgRow, main: Ints, further: list[Ints], share: Floats
    ) -> list[_Candidate]:
        """Return candidates of a surgical rule: common procedures with diagnoses named alike."""
        own = "dx" in self.own.get(row.key, {}) and "principal in dx" in row.rule
        key = row.key if own else row.mdc
        if key not in self.alike:
            self.alike[key] = _Alike(self.principals(row), self.dx_names)
        alike = self.alike[key]
        common = np.sqrt(self.freq.diagnosis[alike.ids] + 0.01)
        letters = np.array([self.freq.diagnosis_codes[i][:1] for i in alike.ids.tolist()])
        common = common * np.where(letters == "Z", 0.1, 1.0)  # aftercare is seldom operated on
        if "principal not in dx" in row.rule:
            common = common * ~np.isin(alike.ids, self.own[row.key]["dx"])
        order = main[np.argsort(-share[main], kind="stable")][:MAIN_PROCEDURES]
        ages = self.ages(row)
        by_site = row.mdc in self.with_sites  # else the same beside every principal diagnosis
        beside = [] if by_site else self.secondaries(row, 0)[:1]
        found = []
        for procedure in order.tolist():
            fit = common * (0.04 + alike.scores(self.px_names[procedure])) ** 3
            top = np.argsort(-fit, kind="stable")[:DIAGNOSES_OF_A_PROCEDURE]
            total = float(fit[top].sum()) or 1.0
            rest = [int(ids[np.argmax(self.freq.procedure[ids])]) for ids in further[:2]]
            for place in top.tolist():
                principal = int(alike.ids[place])
                weight = float(share[procedure] * fit[place] / total)
                for second in self.secondaries(row, principal)[:1] if by_site else beside:
                    for infant, birth in ages:
                        found.append(
                            _Candidate(
                                number,
                                principal,
                                second,
                                (procedure, *rest),
                                weight,
                                infant,
                                birth,
                            )
                        )
        return found


_ASKS = re.compile(
    r"(principal|secondary|any_diagnosis|main_procedure|other_procedure|any_procedure) in (\w+)"
)
BASES = 6  # combinations of an ADRG that those of a DRG are made from


def _combined(builder: _Builder, row: DrgRow, bases: list[_Candidate]) -> list[_Candidate]:
    """Return candidates of a DRG that asks for codes of its own: an ADRG's with these put in."""
    lists = builder.own.get(row.key, {})
    made = []
    for alternative in row.rule.split(" or "):
        asked = [
            (fact, lists[name])
            for fact, name in _ASKS.findall(alternative)
            if len(lists.get(name, ()))
        ]
        for number, base in enumerate(bases if asked else ()):
            if not base.procedures and any(fact == "other_procedure" for fact, _ in asked):
                minor = int(builder.minor[number % len(builder.minor)])
                base = base._replace(procedures=(minor,))
            made.append(_with_codes(builder.freq, base, asked, number))
    return made


def _with_codes(
    freq: Frequencies, base: _Candidate, asked: list[tuple[str, Ints]], number: int
) -> _Candidate:
    """Return a candidate with the codes asked for, the common ones in turn."""
    principal, second = base.principal, base.secondary
    main, *rest = base.procedures or (0,)
    more: list[int] = []
    for fact, ids in asked:
        own = set(ids.tolist())
        often = freq.procedure if "procedure" in fact else freq.diagnosis
        top = ids[np.argsort(-often[ids], kind="stable")][:4].tolist()
        code = int(top[number % len(top)])
        if fact == "principal":
            principal = principal if principal in own else code
        elif "procedure" not in fact:
            if fact == "secondary" or principal not in own:
                second = second if second in own else code
        elif fact == "main_procedure":
            main = main if main in own else code
        elif not own & ({*more} if fact == "other_procedure" else {main, *more}):
            more.append(code if code != main else int(top[(number + 1) % len(top)]))
    further = [code for code in (*more, *rest) if code != main]
    procedures = tuple(dict.fromkeys(code for code in (main, *further) if code))[:3]
    return base._replace(principal=principal, secondary=second, procedures=procedures)


def _combinations(
    builder: _Builder, found: list[_Candidate], by_line: dict[int, list[int]], met: set[str]
) -> dict[int, list[tuple[float, list[_Candidate]]]]:
    """Return by line what its ADRG's DRGs ask for that no candidate has: (part of it, candidates).

    `met`: the DRGs that candidates have already.
    """
    rows = builder.scheme.adrgs
    lines: dict[str, int] = {}
    for line in sorted(by_line):
        lines.setdefault(rows[line].adrg, line)
    tried: list[tuple[DrgRow, _Candidate]] = []
    for row in builder.scheme.drgs:
        adrg = row.adrg_key.partition("_")[0]
        if row.drg in met or adrg not in lines or not builder.own.get(row.key):
            continue
        members = sorted(by_line[lines[adrg]], key=lambda i: -found[i].weight)
        bases = [found[i] for i in members[:BASES]]
        tried += [(row, candidate) for candidate in _combined(builder, row, bases)]
    if not tried:
        return {}
    confirmed = _confirmed(builder.grouper, builder.freq, [candidate for _, candidate in tried])
    good: dict[str, list[_Candidate]] = defaultdict(list)
    of_drg: dict[str, tuple[str, str]] = {}  # ADRG and name
    for (row, candidate), (adrg, drg) in zip(tried, confirmed, strict=True):
        if drg == row.drg:
            good[drg].append(candidate)
            of_drg[drg] = (adrg, row.name)
    parts: dict[int, list[tuple[float, list[_Candidate]]]] = defaultdict(list)
    for drg, candidates in good.items():
        adrg, name = of_drg[drg]
        word = next((w for w in clinical.PART_OF_ADRG if w in name), "")
        part = clinical.PART_OF_ADRG.get(word, clinical.USUAL_PART)
        parts[lines[adrg]].append((part, candidates))
    return parts


def build_profiles(
    grouper: Grouper,
    weights: Floats,
    diagnoses: NDArray[np.bool_],
    procedures: NDArray[np.bool_],
) -> tuple[Profiles, Frequencies]:
    """Return the profiles of a scheme that its grouper confirms, and how common its codes are.

    Made of those diagnoses and procedures alone that can be written, by number. Raises SchemeError
    when the grouper confirms none.
    """
    builder = _Builder(grouper, diagnoses, procedures)
    found, raw = builder.candidates()
    rows = grouper.scheme.adrgs
    confirmed = _confirmed(grouper, builder.freq, found)
    by_line: dict[int, list[int]] = defaultdict(list)
    line_of = {row.adrg: i for i, row in reversed(list(enumerate(rows)))}
    strays: dict[int, list[int]] = defaultdict(list)
    for i, (adrg, _) in enumerate(confirmed):
        if adrg and adrg == rows[found[i].line].adrg:
            by_line[found[i].line].append(i)
        elif adrg in line_of:
            strays[line_of[adrg]].append(i)
    met = {rows[line].adrg for line in by_line}
    for line, some in strays.items():
        if rows[line].adrg not in met:
            by_line[line] = some
    if not by_line:
        raise SchemeError(
            both(
                "编不出能在此方案中入组的病例", "no case could be made up that this scheme groups"
            ),
            where=grouper.scheme.path,
            remedy=both("检查其列表：drgpay scheme check", "check its lists: drgpay scheme check"),
        )
    letters = tuple(row.mdc[-1] for row in rows)
    total = raw[list(by_line)].sum() or 1.0
    combinations = _combinations(builder, found, by_line, {drg for _, drg in confirmed})
    kept: list[_Candidate] = []
    lines: list[int] = []
    shares: list[float] = []
    for line, members in sorted(by_line.items()):
        least = LEAST_SHARE[rows[line].kind]
        if letters[line] == "A":
            least = clinical.SHARE_OF_MDC_A.get(rows[line].name, LEAST_SHARE_OF_MDC_A)
        own = np.array([found[i].weight for i in members]) + 1e-9
        own *= np.array([_WEIGHT_SHARE[found[i].birth_class] or 1.0 for i in members])
        share = max(least, float(raw[line] / total) if letters[line] != "A" else least)
        usual = share
        for part, made in combinations.get(line, []):
            mine = max(part * share, LEAST_SHARE_OF_A_COMBINATION)
            usual -= part * share
            kept += made
            lines += [line] * len(made)
            shares += [mine / len(made)] * len(made)
        kept += [found[i] for i in members]
        lines += [line] * len(members)
        shares += (usual * own / own.sum()).tolist()
    share_of = np.array(shares)
    weights_of: dict[str, list[float]] = defaultdict(list)
    for weight, outcome in zip(weights.tolist(), grouper.outcomes, strict=True):
        weights_of[outcome.adrg].append(weight)
    line_weight = np.array([_line_weight(weights_of.get(row.adrg, [])) for row in rows])
    return _profiles(builder, kept, lines, share_of / share_of.sum(), line_weight), builder.freq


def _line_weight(own: list[float]) -> float:
    # most stays are without severe complications: the lighter groups count more
    return float(np.mean(sorted(own)[: max(1, (len(own) + 1) // 2)])) if own else 1.0


def _confirmed(
    grouper: Grouper, freq: Frequencies, found: list[_Candidate]
) -> list[tuple[str, str]]:
    """Return the ADRG and the DRG that the grouper gives each candidate, empty for none."""
    count = len(found)
    dx = np.array([(c.principal, c.secondary) for c in found], dtype=np.int32).reshape(count, 2)
    px = np.array([(*c.procedures, 0, 0, 0)[:3] for c in found], dtype=np.int32).reshape(count, 3)
    newborn = np.array([c.birth_class > 0 or c.infant for c in found])
    infant = np.array([c.infant for c in found])
    birth = np.array([WEIGHT_FROM[c.birth_class] + 50 for c in found], dtype=np.int32)
    is_newborn = newborn & ~infant
    sex = np.maximum(1, _sex_of(freq, dx[:, 0], px[:, 0])).astype(np.int8)
    cases = EncodedCases(
        sex=sex,
        age_years=np.where(newborn, 0, 40).astype(np.int32),
        age_days=np.where(infant, 120, np.where(is_newborn, 3, -1)).astype(np.int32),
        birth_weight_g=np.where(is_newborn, birth, -1).astype(np.int32),
        los_days=np.full(count, 8, dtype=np.int32),
        icu=np.zeros(count, dtype=np.int8),
        diagnoses=as_codes(*flatten(dx, dx > 0)),
        procedures=as_codes(*flatten(px, px > 0)),
        good=np.ones(count, dtype=np.bool_),
    )
    grouped = grouper.group_arrays(cases)
    groups = [(outcome.adrg, outcome.drg) for outcome in grouper.outcomes]
    return [
        groups[g] if status == 0 else ("", "")
        for g, status in zip(grouped.group.tolist(), grouped.status.tolist(), strict=True)
    ]


def flatten(codes: Ints, kept: NDArray[np.bool_]) -> tuple[NDArray[np.int64], Ints]:
    """Return where each row's codes start, and those that are kept."""
    offsets = np.zeros(len(codes) + 1, dtype=np.int64)
    np.cumsum(kept.sum(axis=1), out=offsets[1:])
    return offsets, codes[kept]


def as_codes(offsets: NDArray[np.int64], ids: Ints) -> Codes:
    """Return codes by number, as the grouper takes them."""
    return Codes(offsets, np.append(ids, np.int32(0)), pa.array([], pa.string()))


def _sex_of(freq: Frequencies, principal: Ints, main: Ints) -> NDArray[np.int8]:
    starts = np.array([code[:2] for code in freq.procedure_codes])
    by_procedure = np.where(
        np.isin(starts, clinical.FEMALE_PROCEDURES),
        2,
        np.where(np.isin(starts, clinical.MALE_PROCEDURES), 1, 0),
    ).astype(np.int8)
    own = freq.sex[principal]
    return np.where(own > 0, own, by_procedure[main]).astype(np.int8)


def _matcher(table: Mapping[str, object]) -> Callable[[str], str]:
    return cache(lambda code: clinical.longest_match(code, table))


def _profiles(
    builder: _Builder, kept: list[_Candidate], lines: list[int], share: Floats, weight: Floats
) -> Profiles:
    freq = builder.freq
    rows = builder.scheme.adrgs
    dx_codes, px_codes = freq.diagnosis_codes, freq.procedure_codes
    principal = np.array([c.principal for c in kept], dtype=np.int32)
    px = np.array([(*c.procedures, 0, 0, 0)[:3] for c in kept], dtype=np.int32)
    sex = _sex_of(freq, principal, px[:, 0])
    female = np.empty(len(kept))
    age_class = np.empty(len(kept), dtype=np.int8)
    again = np.zeros(len(kept))
    visits = np.ones(len(kept), dtype=np.int32)
    season = np.zeros(len(kept), dtype=np.int8)
    day = np.zeros(len(kept))
    special = np.zeros(len(kept), dtype=np.int8)
    female_of, season_of = (
        _matcher(t) for t in (clinical.FEMALE_SHARE, clinical.SEASON_OF_CATEGORY)
    )
    day_of, again_of = _matcher(clinical.DAY_SURGERY), _matcher(clinical.AGAIN)
    again_procedure_of = _matcher(clinical.AGAIN_PROCEDURE)
    for q, candidate in enumerate(kept):
        code, letter = dx_codes[candidate.principal], rows[lines[q]].mdc[-1]
        main = px_codes[candidate.procedures[0]] if candidate.procedures else ""
        female[q] = clinical.FEMALE_SHARE.get(female_of(code), 0.49)
        name = _age_class(letter, code, candidate)
        age_class[q] = clinical.AGE_CLASSES.index(name)
        if name not in ("newborn", "infant", "mother"):
            table = clinical.AGAIN_PROCEDURE if main else clinical.AGAIN
            match = again_procedure_of(main) if main else again_of(code)
            if match:
                again[q], visits[q] = table[match]
        match = season_of(code)
        season[q] = clinical.SEASONS.index(clinical.SEASON_OF_CATEGORY.get(match, "flat"))
        day[q] = clinical.DAY_SURGERY.get(day_of(main), 0.0)
        kind = _special(letter, code)
        special[q] = 1 + clinical.SPECIAL.index(kind) if kind else 0
    return Profiles(
        principal=principal,
        secondary=np.array([c.secondary for c in kept], dtype=np.int32),
        procedures=px,
        line=np.array(lines, dtype=np.int16),
        share=share,
        age_class=age_class,
        birth_class=np.array([c.birth_class for c in kept], dtype=np.int8),
        sex=sex,
        female=female,
        again=again,
        visits=visits,
        season=season,
        day_surgery=day,
        special=special,
        letters=tuple(row.mdc[-1] for row in rows),
        surgical=np.array([row.kind == "surgical" for row in rows]),
        weight=weight,
        names=tuple(row.name for row in rows),
    )


def _age_class(letter: str, code: str, candidate: _Candidate) -> str:
    if letter == "P" or candidate.birth_class:
        return "infant" if candidate.infant else "newborn"
    if letter == "O":
        return "mother"
    match = clinical.longest_match(code, clinical.AGE_OF_CATEGORY)
    return clinical.AGE_OF_CATEGORY.get(match, "middle")


def _special(letter: str, code: str) -> str:
    if letter == "O":
        return "mother"
    if letter == "P":
        return "newborn"
    if letter in "TU":
        return "mind"
    if code[:1] in "ST" or letter in "VWZ":
        return "injury"
    if code[:1] == "C" or code[:3] == "Z51" or letter == "R":
        return "tumour"
    return ""
