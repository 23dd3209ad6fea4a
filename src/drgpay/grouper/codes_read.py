"""What became of codes and cases that do not group, in words: never silent, the worst said first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from drgpay.cases.codes import Changes, changed_codes
from drgpay.cases.editions import KINDS, SAMPLE, CodeTally, FoundEdition, shown_edition
from drgpay.ground.errors import Bilingual, both
from drgpay.ground.languages import is_chinese
from drgpay.grouper.outcome import NOT_GROUPED, REASONS
from drgpay.names.reasons import GROUPING_REASONS

_KIND_TEXTS = {KINDS[0]: ("诊断", "diagnoses"), KINDS[1]: ("手术操作", "procedures")}


@dataclass
class CodesRead:
    """How the codes of a run were read, and why cases stay ungrouped.

    `own`: the edition of the scheme, several for a family of them; `found`: what counting said of
    files whose edition nobody stated; `changed`: codes read otherwise than written; `cases`: all
    that were grouped or not, `reasons` of those that were not.
    """

    own: tuple[str, ...]
    tally: CodeTally = field(default_factory=CodeTally)
    found: list[FoundEdition] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    cases: int = 0
    changed: int = 0

    def add(
        self,
        tally: CodeTally,
        changes: Changes,
        status: NDArray[np.int8],
        reason: NDArray[np.int8],
    ) -> None:
        """Add a piece."""
        self.tally.add(tally)
        self.changed += changed_codes(changes)
        self.cases += int(np.count_nonzero(status <= NOT_GROUPED))
        self.count(reason[status == NOT_GROUPED])

    def merge(self, other: CodesRead) -> None:
        """Add what another part of the run met."""
        self.tally.add(other.tally)
        self.changed += other.changed
        self.cases += other.cases
        self.reasons.update(other.reasons)

    def count(self, reasons: NDArray[np.int8]) -> None:
        """Count the reasons of ungrouped cases."""
        if not len(reasons):
            return
        times = np.bincount(reasons, minlength=len(REASONS))
        for number in np.flatnonzero(times).tolist():
            self.reasons[REASONS[number]] += int(times[number])

    @property
    def ungrouped(self) -> int:
        """Cases that no group took."""
        return sum(self.reasons.values())

    def first(self) -> list[Bilingual]:
        """Return what is said before anything else: codes of another edition than the scheme's."""
        return [*self._explained(), *self._counted(), *self._mapped()]

    def provisos(self, *, grouped: bool = True) -> list[Bilingual]:
        """Return what of the schemes holds with a proviso: outside its period, without a day.

        Without `grouped` (a conversion) nothing is said of groups.
        """
        notes = [
            both(
                f"{cases:,} 例的出院日期不在分组方案 {scheme} 的施行期内",
                f"{cases:,} cases were discharged when the scheme {scheme} was not in force",
            )
            for scheme, cases in sorted(self.tally.outside.items())
        ]
        done = (
            both("分组", "grouped by") if grouped else both("转换编码", "converted to the codes of")
        )
        notes += [
            both(
                f"没有出院日期：{cases:,} 例按今日施行的 {scheme} {done.chinese}；补上出院日期，或用 --scheme 写明版本",
                f"there is no discharge date: {cases:,} cases are {done} {scheme}, in force "
                "today; add the column, or name a version with --scheme",
            )
            for scheme, cases in sorted(self.tally.undated.items())
        ]
        return notes + [
            both(
                f"{cases:,} 例的分组由名称所述、原表未列的条件决定（{scheme}，conditions = named，"
                "取自同源方案，属假定）",
                f"the group of {cases:,} cases is decided by conditions that names state and the "
                f"tables lack ({scheme}, conditions = named, taken over from a related scheme, "
                "assumed)",
            )
            for scheme, cases in sorted(self.tally.assumed.items())
        ]

    def _explained(self) -> list[Bilingual]:
        """Another edition would explain most of the unknown codes."""
        better = self.tally.better()
        if better is None:
            return []
        edition, times = better
        own = "、".join(map(shown_edition, self.own))
        all_unknown = self.tally.of_all
        return [
            both(
                f"请先核对编码版本：{all_unknown:,} 个编码不在所用方案的编码库中（方案用{own}），其中 "
                f"{times:,} 个是{shown_edition(edition)}编码。请加 --codes {edition} 重做"
                f'（统筹区文件夹：region.toml 写 codes = "{edition}"；或病例文件加“编码版本”一列）',
                f"check the edition of the codes first: {all_unknown:,} codes are not in the "
                f"scheme's code system ({', '.join(self.own)}), {times:,} of them are codes of "
                f'{edition}. Give --codes {edition} (in region.toml: codes = "{edition}"; or a '
                "column code_system in the case files)",
            )
        ]

    def _counted(self) -> list[Bilingual]:
        """Files that were read as another edition because it knows more of their codes."""
        other = [found for found in self.found if found.edition != found.own]
        notes = []
        for found in other[:5]:
            knows = "、".join(f"{shown_edition(name)} {n:,} 种" for name, n in found.knows)
            english = ", ".join(f"{name} {n:,}" for name, n in found.knows)
            notes.append(
                both(
                    f"{found.file} 没有写明编码版本，按计数作{shown_edition(found.edition)}读入："
                    f"前{SAMPLE:,}例的 {found.codes:,} 种编码中，认识的有{knows}。"
                    f"如不对，请用 --codes 写明",
                    f"{found.file} does not say its edition of codes and is read as "
                    f"{found.edition}: of {found.codes:,} codes of its first {SAMPLE:,} cases are "
                    f"known: {english}. If that is wrong, give --codes",
                )
            )
        if len(other) > 5:
            notes.append(
                both(
                    f"另有 {len(other) - 5:,} 个文件同样按计数判断编码版本",
                    f"the same holds for {len(other) - 5:,} more files",
                )
            )
        return notes

    def _mapped(self) -> list[Bilingual]:
        """Codes of another edition than the scheme's, which the map leads over."""
        notes = []
        for (edition, own), rows in sorted(self.tally.mapped.items()):
            notes.append(
                both(
                    f"{rows:,} 例的编码是{shown_edition(edition)}，分组方案用{shown_edition(own)}："
                    f"已按对照表读入，全部改动 {self.changed:,} 个编码",
                    f"{rows:,} cases have codes of {edition}, the scheme is written in "
                    f"{own}: the map was applied, {self.changed:,} codes changed",
                )
            )
        return notes

    def line(self, *, grouped: bool = True) -> Bilingual:
        """Return the one line at the end: unknown codes, ungrouped cases and why.

        Without `grouped` (a conversion) nothing is said of groups.
        """
        chinese, english = [], []
        for kind in KINDS:
            zh, en = _KIND_TEXTS[kind]
            met, unknown = self.tally.met[kind], self.tally.unknown[kind]
            chinese.append(f"{zh} {met:,} 个中不认识的 {unknown:,} 个")
            english.append(f"{unknown:,} of {met:,} {en} are unknown")
        if not grouped:
            return both(
                f"编码按{self._read_as('zh')}：{'，'.join(chinese)}",
                f"codes read as {self._read_as('en')}: {', '.join(english)}",
            )
        ends_zh = f"未入组 {self.ungrouped:,} 例"
        ends_en = f"{self.ungrouped:,} of {self.cases:,} cases stay ungrouped"
        if self.reasons:
            causes = self.reasons.most_common()
            ends_zh += "：" + "、".join(
                f"{GROUPING_REASONS[r].chinese} {n:,} 例" for r, n in causes
            )
            ends_en += ": " + ", ".join(f"{GROUPING_REASONS[r]} {n:,}" for r, n in causes)
        return both(
            f"编码按{self._read_as('zh')}：{'，'.join(chinese)}；{ends_zh}",
            f"codes read as {self._read_as('en')}: {', '.join(english)}; {ends_en}",
        )

    def _read_as(self, lang: str) -> str:
        names = sorted(name for name, rows in self.tally.rows.items() if rows) or [*self.own]
        said = self.found and all(f.edition == f.own for f in self.found)
        if is_chinese(lang):
            return "、".join(map(shown_edition, names)) + ("（未写明，按计数判断）" if said else "")
        return ", ".join(names) + (" (not stated; by counting)" if said else "")

    def as_dict(self) -> dict[str, object]:
        """Return the figures by name, for a manifest."""
        return {
            "scheme_codes": list(self.own),
            "cases_by_codes": dict(sorted(self.tally.rows.items())),
            "found_by_counting": {f.file: f.edition for f in self.found},
            "codes": {kind: self.tally.met[kind] for kind in KINDS},
            "unknown": {kind: self.tally.unknown[kind] for kind in KINDS},
            "changed": self.changed,
            "ungrouped": dict(self.reasons),
            "outside_period": dict(sorted(self.tally.outside.items())),
            "undated": dict(sorted(self.tally.undated.items())),
            "decided_by_assumed_condition": dict(sorted(self.tally.assumed.items())),
        }
