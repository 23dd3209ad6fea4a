"""Every column and code that users see has one word in each language, and no word means two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from drgpay.budget import ceiling
from drgpay.budget.bounds import INTERVAL, UNIQUE
from drgpay.capitation.persons import UNASSIGNED
from drgpay.capitation.result import BEARERS
from drgpay.capitation.tables import KINDS as PERSON_KINDS
from drgpay.cases.checks.catalogue import CHECKS, SEVERITIES
from drgpay.ground.errors import Bilingual
from drgpay.grouper.outcome import LEVELS, REASONS, STATUSES
from drgpay.names import codes, reasons
from drgpay.names.codes import CODES, spoken, word
from drgpay.names.columns import CASE_COLUMNS
from drgpay.names.reasons import CAPITATION, QUARANTINED
from drgpay.names.run_columns import COLUMNS, TABLES, column_of, named
from drgpay.names.run_tables import TABLES as RESULT_TABLES
from drgpay.points import base
from drgpay.points.coefficients import COMPUTED, GIVEN, TOO_FEW
from drgpay.policy.catalogue import CATALOGUE
from drgpay.policy.choice_words import choice_word
from drgpay.region.standing import ENDED, NORMAL, PENALISED
from drgpay.runs.folder import write_run
from drgpay.settlement.scoring import CASE_CLASSES, PAID_BY
from drgpay.settlement.year_end import year_end
from drgpay.signals.texts import CONFIDENCE, KINDS, SIGNALS
from drgpay.trials.sensitivity import MOVED, NOTHING, OTHER, REFUSED, UNTRIED
from tests.cli.test_language import region
from tests.report.folders import full_run

# one thing under two names of columns: their words are the same on purpose
SAME = (
    {"points_before", "points_before_readmission"},
    {"code_changes.kind", "history_code_changes.kind"},
    {"months_pools.paid_fen", "months_hospitals.paid_fen", "suspended.paid_fen"},
    {"months_pools.kept_fen", "months_hospitals.kept_fen"},
    {"signals.kind", "evidence.kind"},
)
ONE_THING = {"patient_id": ("person_id",)}  # columns of cases and of results
# what the engines write into a column of codes
WRITTEN: Mapping[tuple[str, str], Iterable[str]] = {
    ("cases", "case_class"): CASE_CLASSES,
    ("cases", "paid_by"): PAID_BY,
    ("cases", "status"): STATUSES,
    ("cases", "reason"): REASONS,
    ("cases", "severity"): LEVELS,
    ("quarantine", "reason"): QUARANTINED,
    ("capitation_quarantine", "reason"): CAPITATION,
    ("capitation_unassigned", "reason"): UNASSIGNED,
    ("capitation_unassigned", "kind"): PERSON_KINDS,
    ("capitation_unassigned_persons", "kind"): PERSON_KINDS,
    ("findings", "severity"): SEVERITIES,
    ("coefficients", "cmi_origin"): (GIVEN, COMPUTED, TOO_FEW),
    ("drgs", "origin"): (base.GIVEN, base.FROM_HISTORY, base.BORROWED, base.BY_WEIGHT),
    ("pools", "solution"): (UNIQUE, INTERVAL),
    ("sensitivity", "state"): (MOVED, OTHER, NOTHING, REFUSED, UNTRIED),
    ("capitation_books", "bearer"): BEARERS,
    ("hospitals", "standing"): (NORMAL, PENALISED, ENDED),
    ("ceiling", "mode"): (
        ceiling.DRG, ceiling.PER_DIEM, ceiling.BY_ITEM, ceiling.OUT_OF_AREA, ceiling.CAPITATION,
        ceiling.OTHER, ceiling.PREPAID, ceiling.PAYABLE, ceiling.PROVISION,
    ),
}  # fmt: skip


@pytest.mark.parametrize("place", WRITTEN, ids=".".join)
def test_codes__that_the_engines_write_have_words(place: tuple[str, str]) -> None:
    table, column = place
    for code in WRITTEN[place]:
        if code:
            assert word(column, code, "zh", table) != code or code in LEVELS, code
            assert word(column, code, "en", table), code


def test_codes__and_columns_have_both_languages() -> None:
    for name, column in COLUMNS.items():
        assert column.zh and column.en, name
    for table, texts in TABLES.items():
        assert all(texts), table
    for place, words in CODES.items():
        for code, text in words.items():
            assert (text and text.chinese) or not code, (place, code)
    for texts in (KINDS, CONFIDENCE):
        assert all(text and text.chinese for text in texts.values())
    assert all(s.name and s.name.chinese and s.meaning.chinese for s in SIGNALS.values())


def _twice(words: Mapping[str, str]) -> list[set[str]]:
    by_word = defaultdict(set)
    for key, text in words.items():
        by_word[text].add(key)
    return [keys for keys in by_word.values() if len(keys) > 1]


def test_columns__of_one_name_are_one_thing() -> None:
    for texts in ({k: c.zh for k, c in COLUMNS.items()}, {k: c.en for k, c in COLUMNS.items()}):
        assert [keys for keys in _twice(texts) if keys not in SAME] == []
    for keys in SAME:
        assert len({COLUMNS[key] for key in keys}) == 1


def test_columns__of_cases_and_of_results_share_no_word_for_two_things() -> None:
    """What a hospital hands in and what a run says of it stand side by side in reports."""
    for column in CASE_COLUMNS:
        alike = {
            key.split(".")[-1].removesuffix("_fen")
            for key, c in COLUMNS.items()
            if c.zh == column.chinese
        }
        assert alike <= {column.name, *ONE_THING.get(column.name, ())}, (column.chinese, alike)


def test_tables__have_names_of_their_own() -> None:
    for number in (0, 1):
        assert _twice({key: texts[number] for key, texts in TABLES.items()}) == []


def test_codes__of_one_column_have_words_of_their_own() -> None:
    for place, words in CODES.items():
        assert _twice({code: text.chinese for code, text in words.items()}) == [], place
        assert _twice({code: str(text) for code, text in words.items()}) == [], place
    for texts in (KINDS, CONFIDENCE):
        assert _twice({code: text.chinese for code, text in texts.items()}) == []
    assert _twice({s.id: s.name.chinese for s in SIGNALS.values()}) == []
    assert _twice({check.name: check.chinese for check in CHECKS.values()}) == []


def test_codes__of_one_code_have_one_word_wherever_they_stand() -> None:
    """A reason is told in the same words in every table, and a class as the choices say it."""
    for code, reason in CAPITATION.items():
        assert reason.message is QUARANTINED.get(code, reason).message, code
    for key, known in CATALOGUE.items():
        if known.choices and set(known.choices) <= set(codes.CASE_CLASSES):
            for code in known.choices:
                assert choice_word(key, code) == codes.CASE_CLASSES[code].chinese, (key, code)


def test_remedies__say_what_to_do_in_both_languages() -> None:
    for table in (QUARANTINED, CAPITATION):
        for code, reason in table.items():
            assert reason.remedy and reason.remedy.chinese, code


def test_unknown__codes_and_columns_are_refused() -> None:
    for call in (
        lambda: word("case_class", "new_class", "zh"),
        lambda: word("reason", "new_reason", "zh", "quarantine"),
        lambda: spoken("status", "new_status"),
        lambda: named("new_column"),
        lambda: column_of("hospitals", "new_fen"),
    ):
        with pytest.raises(KeyError):
            call()
    assert word("case_class", "", "zh") == ""
    assert word("hospital_name", "第一医院", "zh") == "第一医院"


def test_columns__of_every_result_table_have_names(tmp_path: Path) -> None:
    runs = [full_run(tmp_path / "drawn"), write_run(year_end(region(tmp_path)), tmp_path / "run")]
    schemas = [(p.stem, pq.read_schema(p).names) for run in runs for p in run.glob("*.parquet")]
    schemas += [(table, list(columns)) for table, columns in RESULT_TABLES.items()]
    assert len(schemas) > 40
    for table, columns in schemas:
        assert [name for name in columns if not column_of(table, name).zh] == [], table


def test_inside__a_sentence_english_begins_small_where_it_is_a_word() -> None:
    assert str(named("cv_after")) == "CV after trimming"
    assert str(spoken("case_class", "high")) == "high-cost"
    assert isinstance(reasons.GROUPING_REASONS["no_adrg"], Bilingual)
