"""zj-drg-2022: conditions that the names of groups state, taken over or left out."""

import pytest
from click.testing import CliRunner

from drgpay import Grouper
from drgpay.cli.scheme_show import show
from drgpay.report.scheme_manual import write_manual
from drgpay.schemes.load import load_scheme
from reference.model import group_case as model_group
from reference.model import load_scheme as model_scheme

# what the case is, its group with the conditions that names state, its group as tabled
CASES = {
    "a drug balloon alone is no bypass with PTCA": (
        {"diagnoses": ["I20.000"], "procedures": ["00.6601"]}, "FM25", "FC19"),
    "bypass and balloon": (
        {"diagnoses": ["I25.103"], "procedures": ["36.1100", "00.6601"]}, "FC19", None),
    "balloon first, then bypass": (
        {"diagnoses": ["I25.103"], "procedures": ["00.6601", "36.1100"]}, "FC19", "FC19"),
    "catheter and angiography without bypass": (
        {"diagnoses": ["I25.103"], "procedures": ["37.2200", "88.5500"]}, "FM35", "FC29"),
    "a kidney alone": ({"diagnoses": ["N18.501"], "procedures": ["55.6901"]}, "AE19", "AC19"),
    "kidney and pancreas": (
        {"diagnoses": ["N18.501"], "procedures": ["55.6901", "52.8000"]}, "AC19", "AC19"),
    "plain appendicitis": (
        {"age_years": 30, "diagnoses": ["K35.800x001"], "procedures": ["47.0100"]}, "GD25", "GD19"),
    "perforated appendicitis": (
        {"age_years": 30, "diagnoses": ["K35.200"], "procedures": ["47.0100"]}, "GD19", "GD19"),
    "ablation without fibrillation": (
        {"diagnoses": ["I47.100"], "procedures": ["37.3401"]}, "FL29", "FL19"),
    "ablation for fibrillation": (
        {"diagnoses": ["I48.000"], "procedures": ["37.3401"]}, "FL19", "FL19"),
    "tracheostomy, then ventilation": (
        {"diagnoses": ["I61.000x008", "J96.000"], "procedures": ["31.1x00x005", "96.7201"]},
        "AH19", "BR11"),
    "ventilation, then tracheostomy": (
        {"diagnoses": ["I61.000x008", "J96.000"], "procedures": ["96.7201", "31.1x00x005"]},
        "AH19", "AH19"),
    "ventilation of a newborn without tracheostomy": (
        {"age_years": 0, "age_days": 3, "birth_weight_g": 2000, "diagnoses": ["P07.100"],
         "procedures": ["96.7201"]}, "PK19", "AH19"),
    "ventilation and ECMO": (
        {"diagnoses": ["I40.900"], "procedures": ["96.7201", "39.6500"]}, "AH11", "AH11"),
}  # fmt: skip


@pytest.fixture(scope="module", params=["named", "tabled"])
def reading(request):
    options = {"conditions": request.param}
    return (
        request.param,
        Grouper("zj-drg-2022", readings=options),
        model_scheme("zj-drg-2022", options=options),
    )


@pytest.mark.parametrize("name", CASES)
def test_group__a_condition_of_the_name_decides_only_where_it_is_read_so(reading, name):
    option, grouper, model = reading
    case, named, tabled = CASES[name]
    expected = named if option == "named" else tabled
    facts = {"sex": "M", "age_years": 60, **case}
    made = grouper.group_case(**facts)
    assert made.drg == model_group(model, **facts).drg
    if expected is not None:
        assert made.drg == expected


def test_default__is_named_and_each_condition_says_its_words_and_source():
    scheme = load_scheme("zj-drg-2022")
    assert scheme.options["conditions"] == "named"
    assert len(scheme.named_conditions) == 27
    names = {adrg.key: adrg.name for adrg in scheme.adrgs}
    for group, condition in scheme.named_conditions.items():
        assert condition.source == "chongqing-drg-2022"
        assert condition.rule != condition.tabled
        if group in names:
            assert all(word in names[group] for word in condition.words.split("及"))
    assert load_scheme("zj-drg-2022", readings={"conditions": "tabled"}).named_conditions == {}


def test_named__groups_that_the_tables_hide_are_reached():
    """AD1, AE1, FB3, FC3, FL2 and WC1 stand behind a group of the same procedures."""
    hidden = {"AD1", "AE1", "FB3", "FC3", "FL2", "WC1"}
    folder = load_scheme("zj-drg-2022").path
    known = (folder / "known_findings.csv").read_text(encoding="utf-8")
    assert not any(f"adrg_unreachable,adrg.csv,{adrg}" in known for adrg in hidden)


def test_show_and_manual__say_which_conditions_are_assumed(tmp_path):
    scheme = load_scheme("zj-drg-2022")
    said = scheme.named_conditions["FC1"].told()
    assert "伴PTCA" in said.chinese and "chongqing-drg-2022" in said.chinese
    for group in ("FC1", "FC19"):
        shown = CliRunner().invoke(show, ["zj-drg-2022", group]).output
        assert shown.count(said.chinese) == 1
    assert "假定的条件" not in CliRunner().invoke(show, ["zj-drg-2022", "FR1"]).output
    write_manual(scheme, tmp_path / "manual", "zh")
    page = next((tmp_path / "manual").rglob("*MDCF*.html")).read_text(encoding="utf-8")
    of_mdc = [c for c in scheme.named_conditions.values() if c.group.startswith("F")]
    assert page.count("假定的条件") == len(of_mdc) > 1
    assert f"假定的条件“{of_mdc[0].words}”" in page
