"""Cells of cases: ids, codes, ages, sexes, amounts and dates that are written otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.hostile.model import DRGS, ROWS, Kind, Read, csv_text, text, with_cell
from tests.hostile.region_folders import region


def case(column: str, value: str) -> Callable[[Path], None]:
    """Return a maker of three cases, the second with a cell changed."""
    return text(csv_text(with_cell(column, value)))


def _id(name: str, zh: str, en: str, value: str, read: str | None = None) -> Kind:
    """An id that must stay as it was written (but for blanks around it)."""
    kept = value if read is None else read
    return Kind(
        f"id-{name}", zh, en, case("case_id", value), Read(values={"case_id": ("A1", kept, "A3")})
    )


def _age(
    name: str,
    zh: str,
    en: str,
    value: str,
    read: int | None = None,
    changes: tuple[tuple[str, str], ...] = (),
) -> Kind:
    outcome = (
        Read(3, (DRGS[0], None, DRGS[2]), {"age_invalid": 1}, changes=changes)
        if read is None
        else Read(
            3,
            (DRGS[0], "GZ10" if read < 17 else "GZ15", DRGS[2]),
            values={"age_years": (61, read, 70)},
            changes=changes,
        )
    )
    return Kind(f"age-{name}", zh, en, case("age_years", value), outcome)


def _sex(name: str, zh: str, en: str, value: str, read: bool) -> Kind:
    outcome = Read() if read else Read(3, (DRGS[0], None, DRGS[2]), {"sex_invalid": 1})
    return Kind(f"sex-{name}", zh, en, case("sex", value), outcome)


def _code(
    name: str, zh: str, en: str, column: str, value: str, drg: str | None, **more: object
) -> Kind:
    quarantined = {"principal_missing": 1} if drg is None else {}
    return Kind(
        f"code-{name}",
        zh,
        en,
        case(column, value),
        Read(3, (DRGS[0], drg, DRGS[2]), quarantined, **more),
    )  # type: ignore[arg-type]


def _year(
    name: str, zh: str, en: str, column: str, value: str, reason: str | None, read: object = None
) -> Kind:
    """A cell of a year's cases: case C04 of EX1 is quarantined for a reason, or read as a value."""
    if reason is None:
        outcome = Read(12, None, values={column: (read,)})
    else:
        outcome = Read(12, None, {reason: 1})
    return Kind(
        name,
        zh,
        en,
        lambda folder: region(folder, case=("C04", column, value)),
        outcome,
        given=("region",),
        area="year",
    )


def _money(
    name: str, zh: str, en: str, value: str, read: int | None = None, reason: str = "money_invalid"
) -> Kind:
    return _year(
        f"money-{name}", zh, en, "total_cost", value, None if read is not None else reason, read
    )


def _date(
    name: str, zh: str, en: str, value: str, read: str | None = None, reason: str = "date_invalid"
) -> Kind:
    return _year(
        f"date-{name}", zh, en, "settlement_date", value, None if read is not None else reason, read
    )


KINDS = [
    _id("emoji", "病例号有表情符号", "an emoji in an id", "A😀2"),
    _id("rare-chinese", "病例号有生僻字（四字节）和私用区字符", "rare and private characters in an id", "𠮷㐂\ue000"),
    _id("rtl", "病例号有从右到左的标记", "right-to-left marks in an id", "\u202eA2\u202c"),
    _id("zero-width", "病例号有零宽空格", "a zero-width space in an id", "A\u200b2"),
    _id("leading-zeros", "病例号以0开头", "an id with leading zeros", "000123"),
    _id("scientific", "病例号被Excel写成科学计数", "an id that Excel turned into a power", "3.30106E+17"),
    _id("20-digits", "20位数字的病例号", "an id of 20 digits", "33010620240301000017"),
    _id("formula", "病例号像公式（CSV注入）", "an id like a formula (CSV injection)", "=cmd|'/C calc'!A0"),
    _id("at-plus", "病例号以 @、+、- 开头", "an id that begins with @, + or -", "@SUM(1+9)*cmd|' /C calc'!A0"),
    Kind("id-nan", "病例号写作 NaN、NULL、NA：没有病例号", "NaN in the place of an id: there is none", case("case_id", "NaN"),
         Read(3, (DRGS[0], None, DRGS[2]), {"case_id_missing": 1}, changes=(("NaN", ""),))),
    _id("date-like", "病例号像日期", "an id like a date", "2024-03-01"),
    _id("combining", "病例号是未合成的字符（NFD）", "an id of combining characters", "Ame\u0301lie"),
    Kind("id-blank", "病例号只有空白和全角空格", "an id of blanks", case("case_id", " \u3000\u00a0"),
         Read(3, (DRGS[0], None, DRGS[2]), {"case_id_missing": 1})),
    _age("full-width", "年龄用全角数字", "an age in full-width digits", "６１"),
    _age("arabic", "年龄用阿拉伯文数字", "an age in Arabic-Indic digits", "٦١"),
    _age("thousands", "年龄有千位逗号", "an age with a thousands separator", "1,061"),
    _age("power", "年龄写成1e1", "an age written 1e1", "1e1"),
    _age("minus-zero", "年龄写成-0", "an age written -0", "-0"),
    _age("negative", "负的年龄", "a negative age", "-1"),
    _age("nan", "年龄为NaN", "an age of NaN", "NaN", changes=(("NaN", ""),)),
    _age("infinity", "年龄为Infinity", "an infinite age", "Infinity"),
    _age("unit", "年龄带单位（61岁）", "an age with its unit", "61岁", 61, (("61岁", "61"),)),
    _age("months", "年龄以月计（3月）", "an age in months", "3个月", 0, (("3个月", "90"), ("3个月", "0"))),
    _age("weeks", "年龄写作3周：周岁还是星期", "an age of 3周, years or weeks", "3周"),
    _age("too-old", "151岁", "151 years", "151"),
    _age("huge", "年龄超出int64", "an age beyond int64", "99999999999999999999"),
    _age("empty", "没有年龄", "no age", ""),
    _age("blanks", "年龄前后有空白", "blanks around an age", " 61\u00a0", 61),
    _age("decimal", "年龄有小数：取整岁", "an age with decimals: completed years", "16.99", 16),
    _sex("unknown-word", "性别写作“未知”", "an unknown word for the sex", "未知", False),
    _sex("full-width", "性别用全角M", "a full-width M", "Ｍ", False),
    _sex("empty", "没有性别", "no sex", "", False),
    _sex("blanks", "性别前后有空白", "blanks around the sex", " F ", True),
    _code("nbsp", "编码前后有不间断空格", "no-break spaces around a code", "diagnoses", "\u00a0K25.900\u3000", "GZ10"),
    _code("zero-width", "编码中有零宽空格", "a zero-width space inside a code", "diagnoses", "K25.\u200b900", "GZ10", changes=(("K25.\u200b900", "K25.900"),)),
    _code("full-width", "编码用全角字符", "a code in full-width letters", "diagnoses", "Ｋ２５．９００", "GZ10", changes=(("Ｋ２５．９００", "K25.900"),)),
    _code("lower-case", "编码用小写", "a code in small letters", "diagnoses", "k25.900", "GZ10", changes=(("k25.900", "K25.900"),)),
    _code("cyrillic", "编码用形近的西里尔字母К", "a Cyrillic letter that looks like K", "diagnoses", "\u041a25.900", "0000"),
    _code("wrong-case-x", "编码内的x写成大写：改正并记入改动清单", "an inner X in capitals: read as x, and listed", "procedures",
          "43.7X00", "GB15", changes=(("43.7X00", "43.7x00"),)),
    _code("empty-entries", "编码之间有空项", "empty entries between codes", "diagnoses", "K25.900|||", "GZ10"),
    _code("first-empty", "主要诊断的位置为空", "the first diagnosis is empty", "diagnoses", "|K25.900", None),
    _code("none", "没有诊断", "no diagnosis", "diagnoses", "", None),
    _code("repeated", "同一编码写三次", "a code three times", "diagnoses", "K25.900|K25.900|K25.900", "GZ10"),
    _code("dash-first", "主要诊断的位置写“-”", "a dash in the place of the first diagnosis", "diagnoses", "-|K25.900", None, changes=(("'-", ""),)),
    _code("dash-procedure", "主要手术的位置写“—”：其后的算主要手术", "a dash before the main procedure", "procedures", "—|43.7x00", "GB15", changes=(("—", ""),)),
    _code("zero-procedure", "手术的位置写0", "a 0 in the place of a procedure", "procedures", "0", "GZ10", changes=(("0", ""),)),
    _code("with-name", "编码带名称（K25.900:胃溃疡）", "a code with its name", "diagnoses", "K25.900:胃溃疡", "GZ10", changes=(("K25.900:胃溃疡", "K25.900"),)),
    _code("two-in-cell", "一格两个编码，用空格隔开", "two codes with a blank between them", "diagnoses", "K25.900 E11.900", "GZ10",
          changes=(("K25.900 E11.900", "K25.900|E11.900"),)),
    Kind("code-procedure-name", "主要手术写的是名称", "a name in the place of the main procedure", case("procedures", "胃大部切除术"),
         Read(3, (DRGS[0], None, DRGS[2]), {"code_is_name": 1})),
    Kind("code-number", "编码被存成数字，不能还原", "a code stored as a number that no code fits", case("procedures", "99.9"),
         Read(3, (DRGS[0], None, DRGS[2]), {"code_as_number": 1})),
    _code("names", "诊断列里是名称", "names in the place of codes", "diagnoses", "胃溃疡", "0000"),
    _money("full-width", "金额用全角数字", "an amount in full-width digits", "３５００．００"),
    _money("thousands", "金额有千位逗号", "an amount with thousands separators", "3,500.00", 350000),
    _money("thousands-wrong", "千位逗号放错", "thousands separators in the wrong place", "35,00.00"),
    _money("power", "金额写成3.5e3", "an amount written 3.5e3", "3.5e3"),
    _money("minus-zero", "金额写成-0", "an amount of -0", "-0", reason="fund_above_cost"),
    _money("nan", "金额为NaN", "an amount of NaN", "NaN"),
    _money("infinity", "金额为Infinity", "an infinite amount", "Infinity"),
    _money("half-fen", "金额3500.005元", "an amount with half a fen", "3500.005"),
    _money("12-decimals", "金额有12位小数", "an amount with 12 decimals", "3500.000000000000"),
    _money("beyond-int64", "金额超出int64", "an amount beyond int64", "99999999999999999999.00"),
    _money("negative", "负的金额", "a negative amount", "-3500.00", reason="money_negative"),
    _money("minus-behind", "负号在后", "a minus behind the amount", "3500.00-"),
    _money("brackets", "用括号表示负数", "brackets for a minus", "(3500.00)"),
    _money("yuan-sign", "金额带￥和元", "an amount with its unit", "￥3500元"),
    _money("decimal-comma", "小数点写成逗号", "a decimal comma", "3500,00"),
    _money("empty", "没有金额", "no amount", ""),
    _money("plus", "金额带正号", "an amount with a plus", "+3500.00"),
    _money("one-decimal", "金额一位小数", "an amount with one decimal", " 3500.5 ", 350050),
    _date("zero", "日期0000-00-00", "the date 0000-00-00", "0000-00-00"),
    _date("before-1900", "日期1899-12-31", "the date 1899-12-31", "1899-12-31"),
    _date("far-future", "日期9999-12-31", "the date 9999-12-31", "9999-12-31"),
    _date("february-30", "日期2024-02-30", "the date 2024-02-30", "2024-02-30"),
    _date("1900-02-29", "日期1900-02-29（Excel以为有）", "the date 1900-02-29, which Excel knows", "1900-02-29"),
    _date("two-digit-year", "两位数的年份", "a year of two digits", "24-03-14"),
    _date("serial", "CSV中的Excel日期序号", "a serial number of Excel in CSV", "45365"),
    _date("day-first", "日/月/年", "day/month/year", "14/03/2024"),
    _date("full-width", "日期用全角数字", "a date in full-width digits", "２０２４-03-14"),
    _date("time-zone", "带时刻和时区的日期", "a date with time and zone", "2024-03-14T23:30:00+08:00", "2024-03-14"),
    _date("8-digits", "八位数字的日期", "a date of eight digits", "20240314", "2024-03-14"),
    _date("other-year", "另一年的日期", "a date of another year", "2023-12-31", reason="outside_year"),
    _year("date-reversed", "出院早于入院", "discharged before admitted", "discharge_date", "2024-03-01", "dates_reversed"),
    _year("hospital-unknown", "不认识的医疗机构", "an unknown hospital", "hospital_id", "H77", "hospital_unknown"),
    _year("pool-unknown", "不认识的险种", "an unknown pool", "pool", "999", "pool_unknown"),
    _year("fund-above-cost", "统筹基金支付大于总费用", "the fund paid more than the cost", "pool_fund", "3500.01", "fund_above_cost"),
    Kind("case-twice", "同一病例号出现两次", "a case id that stands twice", lambda folder: region(folder, case=("C04", "case_id", "C05")),
         Read(12, None, {"duplicate_case": 2}), given=("region",), area="year"),
    Kind("case-twice-in-group", "分组文件中病例号重复：都分组", "a repeated id in a file to be grouped: both are grouped",
         text(csv_text(with_cell("case_id", "A1"))), Read(values={"case_id": ("A1", "A1", "A3")})),
    Kind("all-rows-bad", "没有一行可用", "not one usable row", text(csv_text([{**row, "sex": "?"} for row in ROWS])),
         Read(3, (None, None, None), {"sex_invalid": 3})),
]  # fmt: skip
