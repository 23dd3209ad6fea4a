"""Headers as hospitals write them, and what they must not be taken for."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from drgpay.ground.errors import InputError
from drgpay.grouper import group
from drgpay.names.columns import CASE_COLUMNS, canonical_name, normal_header
from tests.readers.reading import read

KNOWN = {
    "case_id": "病例号 结算ID 结算id setl_id SETL_ID 就诊ID mdtrt_id 病案号 住院号",
    "hospital_id": "医疗机构编码 机构编码 fixmedins_code 定点医疗机构编码",
    "patient_id": "参保人编号 人员编号 医保编号 psn_no",
    "pool": "险种 险种类型 insutype",
    "sex": "性别 gend Gend",
    "age_years": "年龄 周岁 年龄（岁） 年龄(岁) age",
    "age_days": "日龄 年龄（天） nwb_age 不足1周岁年龄 不足一周岁年龄（天）",
    "birth_weight_g": "新生儿出生体重 新生儿出生体重(克) 出生体重（g） nwb_bir_wt",
    "admission_weight_g": "nwb_adm_wt 新生儿入院体重",
    "birth_date": "出生日期 brdy",
    "admission_date": "入院日期 入院时间 adm_time",
    "discharge_date": "出院日期 dscg_time",
    "settlement_date": "结算日期 setl_end_date",
    "los_days": "住院天数 实际住院天数 act_ipt_days 住院天数（天）",
    "discharge_way": "离院方式 dscg_way",
    "department": "出院科别 出院科室 dscg_caty",
    "admission_way": "入院途径 adm_way",
    "ventilator_time": "呼吸机使用时长 vent_used_dura",
    "total_cost": "总费用 医疗总费用 总费用（元） 总费用(元) medfee_sumamt",
    "pool_fund": "统筹基金支付 统筹支付金额 统筹支付金额（元） hifp_pay",
    "personal_paid": "个人支付 psn_pay",
    "refund": "退费标志 refd_setl_flag",
    "diagnosis_1": "主要诊断 主要诊断编码 主诊断编码 出院主要诊断编码 诊断1 诊断编码1 diagnosis_1",
    "diagnosis_2": "其他诊断1 其他诊断编码1 其它诊断1 其他诊断1编码 诊断02 次要诊断编码1",
    "other_diagnoses": "其他诊断编码 其它诊断 次要诊断编码",
    "procedure_1": "主要手术操作编码 主要手术编码 手术1 手术操作编码1 手术及操作编码1",
    "procedure_2": "其他手术操作编码1 手术2 其他手术及操作编码1",
    "other_procedures": "其他手术操作编码",
    "diagnoses": "诊断编码 诊断 诊断代码 出院诊断编码",
    "procedures": "手术操作编码 手术编码 手术及操作编码 手术操作",
}
STRANGERS = (
    "诊断名称 诊断名称1 主要诊断名称 其他诊断名称1 诊断1名称 手术操作名称 手术1名称 机构名称 姓名 "
    "身份证号 证件号码 certno psn_name 门诊诊断编码 入院诊断编码 诊断类型 诊断日期 是否手术 手术 "
    "总费用（万元） 年龄（月） 体重 诊断0 诊断1000 备注 小计 hi_paymtd days_rinp_flag_31"
)


@pytest.mark.parametrize("name", KNOWN)
def test_header__known(name: str) -> None:
    assert {header: canonical_name(header) for header in KNOWN[name].split()} == dict.fromkeys(
        KNOWN[name].split(), name
    )


def test_header__means_nothing_of_ours() -> None:
    assert [header for header in STRANGERS.split() if canonical_name(header) is not None] == []


def test_header__every_name_of_the_table_means_its_column() -> None:
    for column in CASE_COLUMNS:
        for header in (column.name, column.chinese, *column.aliases):
            assert canonical_name(header) == column.name, header


@pytest.mark.parametrize(
    "header",
    [
        "总费用（元）",
        " 总费用(元) ",
        "总 费 用\n（元）",
        "总费用（元）*",
        "*总费用",
        "总费用：",
        "\ufeff总费用",
    ],
)
def test_header__as_it_is_typed(header: str) -> None:
    assert canonical_name(header) == "total_cost"


def test_normal_header__is_what_is_compared() -> None:
    assert normal_header("　主要诊断\r\n（编码）* ") == "主要诊断(编码)"
    assert normal_header("ＣＡＳＥ＿ＩＤ") == "case_id"


def table(**columns: list[object]) -> pa.Table:
    return pa.table({"性别": ["男"], "年龄": [61], **columns})


def test_ranks__the_settlement_before_the_record(tmp_path: Path) -> None:
    rows, source = read(
        table(病案号=["r"], 就诊ID=["m"], 结算ID=["s"], 住院号=["z"], 诊断编码=["I63.900"])
    )
    assert rows[0][1]["case_id"] == "s"
    (note,) = source.notes
    assert note == "case_id is read from '结算ID', not from '就诊ID', '病案号', '住院号'"


def test_ranks__codes_before_names() -> None:
    rows, source = read(table(病例号=["a"], 主要诊断=["脑梗死"], 主要诊断编码=["I63.900"]))
    assert rows[0][1]["diagnosis_1"] == "I63.900"
    assert len(source.notes) == 1
    with pytest.raises(InputError, match="two columns mean total_cost"):
        read(
            table(病例号=["a"], 诊断编码=["I63.900"], 总费用=["1"], 医疗总费用=["2"]),
            wanted=None,
        )


def test_ranks__two_of_one_rank_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="two columns mean diagnosis_1: '诊断编码1' and another"):
        read(table(病例号=["a"], 主要诊断编码=["I63.900"], 诊断编码1=["I63.900"]))


def test_other_codes__stand_behind_the_main_one() -> None:
    cases = pa.table(
        {
            "病例号": ["a", "b", "c"],
            "性别": ["男"] * 3,
            "年龄": [61] * 3,
            "其他诊断编码": ["E11.900；I10.x05", None, ""],
            "主要诊断编码": ["I63.900", "I63.900", ""],
            "主要手术操作编码": ["88.4100", None, ""],
            "其他手术操作编码": ["88.4101、88.4102", "", None],
        }
    )
    rows, _ = read(cases)
    assert [row["diagnoses"] for _, row in rows] == ["I63.900|E11.900|I10.x05", "I63.900|", "|"]
    assert [row["procedures"] for _, row in rows] == ["88.4100|88.4101|88.4102", "|", "|"]
    result = group(cases, "zj-drg-2022")
    assert result.table["status"].to_pylist()[:2] == ["grouped", "grouped"]
    assert result.quarantine["reason"].to_pylist() == ["principal_missing"]


def test_other_codes__dictionaries_of_several_chunks() -> None:
    one = table(病例号=["a"], 主要诊断编码=["A"], 其他诊断编码=["B,C"])
    two = table(病例号=["b"], 主要诊断编码=["D"], 其他诊断编码=["E"])
    both = pa.concat_tables([one, two])
    for name in ("主要诊断编码", "其他诊断编码"):
        both = both.set_column(both.column_names.index(name), name, both[name].dictionary_encode())
    assert [row["diagnoses"] for _, row in read(both)[0]] == ["A|B|C", "D|E"]


def test_other_codes__a_column_of_names_beside_numbered_codes() -> None:
    cases = table(病例号=["a"], 主要诊断编码=["A"], 其他诊断编码1=["B"], 其他诊断=["某病"])
    rows, source = read(cases)
    assert rows[0][1] | {"diagnosis_1": "A", "diagnosis_2": "B"} == rows[0][1]
    assert "其他诊断" in source.notes[0]
    with pytest.raises(InputError, match="other_diagnoses and diagnosis_2 are given"):
        read(table(病例号=["a"], 主要诊断编码=["A"], 其他诊断编码1=["B"], 其他诊断编码=["C"]))


def test_other_codes__without_a_main_one() -> None:
    with pytest.raises(InputError, match="other_diagnoses is given without diagnosis_1"):
        read(table(病例号=["a"], 其他诊断编码=["C"]))


def test_parts__dates_and_conditions_of_each_code() -> None:
    cases = table(
        病例号=["a"], 诊断编码=["A|B"], 入院病情1=["1"], 入院病情2=["4"],
        手术操作日期2=["2024-03-02"], 手术操作日期1=["2024-03-01"], 诊断代码计数=[2],
    )  # fmt: skip
    row = read(cases, wanted=None)[0][0][1]
    assert row["admission_conditions"] == "1|4"
    assert row["procedure_dates"] == "2024-03-01|2024-03-02"
    assert row["diagnosis_count"] == 2


def test_missing__named_in_chinese_with_what_was_found() -> None:
    with pytest.raises(InputError) as caught:
        read(pa.table({"病例号": ["a"], "总费用（万元）": ["1"]}))
    told = caught.value.text("zh")
    assert "缺少列：性别（sex）、年龄（age_years）、诊断编码（diagnoses）" in told
    assert "总费用（万元）" in told
