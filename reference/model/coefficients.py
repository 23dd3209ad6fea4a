"""The coefficient of a hospital and a DRG (docs/rules.md, rule 6)."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from reference.model.exact import round_half_away
from reference.model.history import History, Past
from reference.model.policy import says
from reference.model.region import Region
from reference.model.stay import Parameters, not_pool_fen

ONE = Fraction(1)
HIGHEST = 100


class Coefficients:
    """The coefficients of a region's hospitals. Raises ValueError when one cannot be told."""

    def __init__(self, region: Region, history: History | None, p: Parameters) -> None:
        self.region, self.p = region, p
        self.primary = _primary_groups(region, p)
        self.kept: list[Past] = []
        self.mean_of: dict[str, Fraction] = {}
        self.base_points_of: dict[str, Fraction] = {}
        if history is not None:
            self.kept = [past for cases in history.kept.values() for past in cases]
            self.base_points_of = {drg: base.base_points for drg, base in history.bases.items()}
            for drg, cases in history.kept.items():
                if cases:
                    self.mean_of[drg] = Fraction(sum(x.cost_fen for x in cases), len(cases))
        self.by_hospital: dict[str, list[Past]] = {name: [] for name in region.hospitals}
        for past in self.kept:
            if past.case.hospital_id in self.by_hospital:
                self.by_hospital[past.case.hospital_id].append(past)
        self.by_level = {
            level: [x for name in own for x in self.by_hospital[name]]
            for level, own in _levels(region).items()
        }
        self.known: dict[tuple[str, str], Fraction] = {}
        self._check(history is not None)

    def _check(self, has_history: bool) -> None:
        source, region = self.p["coef.source"], self.region
        names, weights = self.p["coef.components"], self.p["coef.weights"]
        if source == "components" and (len(names) != len(weights) or sum(weights) != 1):
            raise ValueError("coef.weights: not one weight a component, or their sum is not 1")
        for name, hospital in region.hospitals.items():
            if source == "given" and self._general(name) is None:
                raise ValueError(f"coefficients.csv: {name} has no coefficient")
            if source == "level" and hospital.level not in region.level_coefficients:
                raise ValueError(f"level_coefficients.csv: no level {hospital.level} of {name}")
            if source == "components":
                for component in names:
                    given = (name, component) in region.components
                    if not given and (component == "catalogue" or not has_history):
                        raise ValueError(f"components.csv: {name} has no {component}")
        for name in region.hospitals:
            for drg in ("", *self.mean_of):
                if not 0 < self.of(name, drg) <= HIGHEST:
                    raise ValueError(
                        f"the coefficient of {name} and {drg or 'all groups'} is "
                        f"not above 0 and at most {HIGHEST}"
                    )

    def of(self, hospital_id: str, drg: str) -> Fraction:
        """The coefficient, whether or not it multiplies a class."""
        if (hospital_id, drg) not in self.known:
            self.known[hospital_id, drg] = self._of(hospital_id, drg)
        return self.known[hospital_id, drg]

    def _of(self, hospital_id: str, drg: str) -> Fraction:
        p, region = self.p, self.region
        level = region.hospitals[hospital_id].level
        if drg in self.primary and (not p["primary_levels"] or level in p["primary_levels"]):
            return ONE
        if says(p, "coef.source", "given", "level", "components"):
            general = self._general(hospital_id)
            assert general is not None  # checked above
            coefficient = region.coefficients.get((hospital_id, drg), general)
        elif says(p, "coef.source", "level", "given", "components"):
            coefficient = region.level_coefficients[level]
        else:
            coefficient = self._weighted(hospital_id, drg)
        share = region.treatment_shares.get(hospital_id)
        if p["tcm.tilt"] is not None and share is not None and share >= p["tcm.gate"]:
            coefficient = round_half_away(coefficient * (1 + p["tcm.tilt"]), 6)
        return coefficient

    def _general(self, hospital_id: str) -> Fraction | None:
        """A hospital's own row; without one, 1 where it has rows by DRG and the policy says so."""
        own = self.region.coefficients.get((hospital_id, ""))
        by_drg = any(name == hospital_id for name, _ in self.region.coefficients)
        return (
            ONE
            if own is None and by_drg and says(self.p, "coef.without_row", "one", "refuse")
            else own
        )

    def _weighted(self, hospital_id: str, drg: str) -> Fraction:
        p = self.p
        exact = sum(
            (
                weight * self.component(name, hospital_id, drg)
                for name, weight in zip(p["coef.components"], p["coef.weights"], strict=True)
            ),
            Fraction(0),
        )
        if p["coef.floor"] is not None:
            exact = max(exact, p["coef.floor"])
        if p["coef.cap"] is not None:
            exact = min(exact, p["coef.cap"])
        return round_half_away(exact, p["coef.dp"])

    def component(self, name: str, hospital_id: str, drg: str) -> Fraction:
        """One component: the given one, else computed; 1 where it rests on too few cases."""
        given = self.region.components.get((hospital_id, name))
        if given is not None:
            return given
        own = self.by_hospital[hospital_id]
        if name == "history":
            return self._costs(own, drg)
        if name == "level":
            return self._costs(self.by_level[self.region.hospitals[hospital_id].level], drg)
        if name == "visits_per_head":
            own = [past for past in own if past.case.patient_id]
        if not own or len(own) < self.p["coef.min_cases"]:
            return ONE
        if name == "cmi":
            mix = self._case_mix(self.kept)
            return self._case_mix(own) / mix if mix else ONE
        if name == "visits_per_head":
            everyone = [past for past in self.kept if past.case.patient_id]
            return _heads(own) / _heads(everyone)
        share = self._burden(own)
        return self._burden(self.kept) / share if share else ONE

    def _costs(self, own: Sequence[Past], drg: str) -> Fraction:
        """What the cases cost, over what they would cost at the means of their groups."""
        if says(self.p, "coef.scope", "hospital_drg", "hospital"):
            own = [past for past in own if past.grouping.drg == drg]
        if not own or len(own) < self.p["coef.min_cases"]:
            return ONE
        expected = sum((self.mean_of[past.grouping.drg] for past in own), Fraction(0))
        return sum(past.cost_fen for past in own) / expected

    def _case_mix(self, cases: Sequence[Past]) -> Fraction:
        points = (self.base_points_of[past.grouping.drg] for past in cases)
        return sum(points, Fraction(0)) / len(cases)

    def _burden(self, cases: Sequence[Past]) -> Fraction:
        not_pool = sum(not_pool_fen(past.case, self.p) for past in cases)
        return Fraction(not_pool, sum(past.cost_fen for past in cases))


def _primary_groups(region: Region, p: Parameters) -> frozenset[str]:
    """The primary groups of the region's scheme in its year: of the policy and of the region."""
    scheme = Path(region.scheme).name
    found = set()
    for text in p["primary_groups"]:
        owner, _, drg = text.rpartition(":")
        if owner in ("", scheme):
            found.add(drg)
    for owner, drg, first, last in region.primary_groups:
        if owner in ("", scheme) and first.year <= region.year <= last.year:
            if (first.year == region.year and (first.month, first.day) != (1, 1)) or (
                last.year == region.year and (last.month, last.day) != (12, 31)
            ):
                raise ValueError(f"primary_groups.csv: {drg} in a part of {region.year}")
            found.add(drg)
    return frozenset(found)


def _levels(region: Region) -> dict[str, list[str]]:
    levels: dict[str, list[str]] = {}
    for name, hospital in region.hospitals.items():
        levels.setdefault(hospital.level, []).append(name)
    return levels


def _heads(cases: Sequence[Past]) -> Fraction:
    """Distinct patients a case."""
    return Fraction(len({past.case.patient_id for past in cases}), len(cases))
