"""The formulas of the national workbook, form by form."""

import pytest

from drgpay.schemes.nhsa_rules import FormulaError, translate

SETS = {
    "DI_B00", "DI_PV1", "DI_Z01", "DI_Z02", "DI_Z03", "DI_WB1", "DI1_WB1", "DI2_WB1", "DI_OL1",
    "OP1_AC1", "OP2_AC1", "OP_WB1", "OP_OL1", "OP_IC2", "OP_ARB", "OP_ALL",
}  # fmt: skip


@pytest.mark.parametrize(
    ("formula", "rule"),
    [
        ("", "True"),
        ("1", "True"),
        ("1.0", "True"),
        ("0", "not True"),
        ("ZYZD in DI_B00", "principal in dx_DI_B00"),
        ("zyzd IN di_b00", "principal in dx_DI_B00"),
        ("(ZYZD in DI_B00) and (XB = 1)", 'principal in dx_DI_B00 and sex == "M"'),
        ("XB=2", 'sex == "F"'),
        (
            "((NL=0) and (XSRTL>=29) and (XSRTL<366) and (ZYZD in DI_PV1) and "
            "(ZYSS not in OP_ALL)) or ((NL=0) and (XSRTL<29))",
            "age_years == 0 and age_days >= 29 and age_days < 366 and principal in dx_DI_PV1 and "
            "main_procedure not in valid_procedures or age_years == 0 and age_days < 29",
        ),
        (
            "(ZYZD in DI_Z01) and (QTZD in {DI_Z02, DI_Z03})",
            "principal in dx_DI_Z01 and (secondary in dx_DI_Z02 or secondary in dx_DI_Z03)",
        ),
        (
            "(ZYSS in OP1_AC1 and {ZYSS, QTSS} in OP2_AC1) OR "
            "(ZYSS in OP2_AC1 and {QTSS,ZYSS} in OP1_AC1)",
            "main_procedure in proc_OP1_AC1 and any_procedure in proc_OP2_AC1 or "
            "main_procedure in proc_OP2_AC1 and any_procedure in proc_OP1_AC1",
        ),
        ("XSRTZ>=1000 and XSRTZ<=1499", "admission_weight_g >= 1000 and admission_weight_g <= 1499"),
        ("{ZYZD, QTZD} in DI_B00", "any_diagnosis in dx_DI_B00"),
        ("QTZD in DI_OL1 and QTSS in OP_OL1", "secondary in dx_DI_OL1 and other_procedure in proc_OP_OL1"),
        (
            "((QTZD in DI2_WB1) or ((ZYZD in DI_WB1) and (QTZD in DI1_WB1))) and (ZYSS in OP_WB1)",
            "(secondary in dx_DI2_WB1 or principal in dx_DI_WB1 and secondary in dx_DI1_WB1) and "
            "main_procedure in proc_OP_WB1",
        ),
        ("length(OP_IC2 ∩ {ZYSS, QTSS}) >= 2", "any_procedure distinct proc_OP_IC2 >= 2"),
        ("length(OP_IC2 ∩ {ZYSS, QTSS}) > 1", "any_procedure distinct proc_OP_IC2 >= 2"),
        ("QTZD in MCC", "mcc"),
        ("QTZD not in CC", "not cc"),
        ("QTZD in {MCC, CC}", "mcc or cc"),
        ("QTZD in {MCC, CC} and NL>=70", "(mcc or cc) and age_years >= 70"),
        ("QTZD not in {DI_Z02, DI_Z03}", "secondary not in dx_DI_Z02 and secondary not in dx_DI_Z03"),
        ("not (NL=3 or XB=2)", 'not (age_years == 3 or sex == "F")'),
        ("{ZYSS, QTSS} in OP_ARB", "any_procedure in proc_OP_ARB"),
    ],
)  # fmt: skip
def test_translate__every_form_of_the_workbook(formula, rule):
    assert translate(formula, SETS)[0] == rule


@pytest.mark.parametrize(
    ("formula", "place"),
    [
        ("ZYZD in OP_WB1", 9),
        ("ZYSS in DI_B00", 9),
        ("ZYZD in DI_XXX", 9),
        ("FOO in DI_B00", 1),
        ("(ZYZD in DI_B00", 16),
        ("ZYZD in DI_B00)", 15),
        ("NL=70 %", 6),
        ("{ZYZD, ZYSS} in DI_B00", 1),
        ("ZYZD in MCC", 9),
        ("XB = 3", 6),
        ("XB > 1", 4),
        ("NL in DI_B00", 4),
        ("length(OP_IC2, {ZYSS}) >= 2", 14),
        ("length(OP_XX ∩ {ZYSS}) >= 2", 8),
        ("ZYZD in DI_B00 and", 19),
        ("(" * 60 + "NL=1" + ")" * 60, 51),
    ],
)
def test_translate__what_it_cannot_read_is_named_by_place(formula, place):
    with pytest.raises(FormulaError) as error:
        translate(formula, SETS)
    assert f"第{place}个字符" in error.value.text.chinese
    assert f"position {place}" in str(error.value)
