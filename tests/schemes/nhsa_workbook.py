"""An invented workbook in the form of the national one, in both of its editions.

Groups and codes are invented as far as the grammar allows; the forms of the rules are those of the
official workbook. `write_workbook` writes it, `fault` is one change to it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import openpyxl

Sheets = dict[str, list[list[object]]]

TRAUMA = " or ".join(f"((ZYZD in DI_Z0{i}) and (QTZD in {{DI_Z0{3 - i}, DI_Z03}}))" for i in (1, 2))
MDCP = (
    "((NL=0) and (XSRTL>=29) and (XSRTL<366) and (ZYZD in DI_PV1) and (ZYSS not in OP_ALL)) "
    "or ((NL=0) and (XSRTL<29))"
)
BOTH = (
    "(ZYSS in OP1_BB1 and {ZYSS, QTSS} in OP2_BB1)_x000D_\n"
    "OR (ZYSS in OP2_BB1 and　{ZYSS, QTSS} in OP1_BB1)"
)

SHEETS: Sheets = {
    "MDC": [
        ["MDC分组规则"],
        ["MDC编码", "MDC名称", "MDC规则", "排序"],
        ["MDCA", "先期分组疾病及相关操作", "", "1"],
        ["MDCP", "新生儿及其他围产期新生儿疾病", MDCP, 2],
        ["MDCZ", "多发严重创伤", TRAUMA, "3.0"],
        ["MDCB", "神经系统疾病及功能障碍", "ZYZD in DI_B00", 5],
        ["MDCM", "男性生殖系统疾病及功能障碍", "(ZYZD in DI_M00) and (XB = 1)", 12],
        ["MDCO", "妊娠、分娩及产褥期", "ZYZD in DI_O00", 13],
        ["0000", "未入组", "", 99],
    ],
    "ADRG": [
        [None, "ADRG编码", "ADRG名称", "ADRG规则", "所属MDC编码", "MDC内排序"],
        [None, None, None, None, None, None],
        [None, "AA1", "心脏移植", "ZYSS in OP_AA1", "MDCA", 1],
        [None, "PS2", "极低体重儿",
         "(XSRTL<29) and (XSRTZ>=1000) and (XSRTZ<=1499) and ({ZYZD, QTZD} in DI_PS2)",
         "MDCP", 1],
        [None, "PQY", "", "(XSRTL<29) and (ZYSS in OP_ALL)", "MDCP", 2],
        [None, "PV1", "婴儿疾患", "(XSRTL>=29) and (ZYZD in DI_PV1)", "MDCP", 3],
        [None, "P00", "", "", "MDCP", 4],
        [None, "ZB1", "多发创伤手术", "ZYSS in OP_ZB1", "MDCZ", 1],
        [None, "ZZ1", "多发创伤无手术", "1", "MDCZ", 2],
        [None, "BB1", "前后路联合手术", BOTH, "MDCB", 1],
        [None, "BB2", "脑室分流", "ZYSS in OP_BB2", "MDCB", 2.0],
        [None, "BC2", "多部位操作", "length(OP_BC2 ∩ {ZYSS, QTSS}) >= 2", "MDCB", 3],
        [None, "BQY", "", "ZYSS in OP_ALL", "MDCB", 7],
        [None, "BR1", "脑血管疾患", "ZYZD in DI_BR1", "MDCB", 9],
        [None, "B00", "", "", "MDCB", 9],
        [None, "MA1", "男性生殖器官手术", "ZYSS in OP_MA1", "MDCM", 1],
        [None, "MQY", "", "ZYSS in OP_ALL", "MDCM", 2],
        [None, "MZ1", "男性其他疾患", "ZYZD in DI_M00", "MDCM", 3],
        [None, "M00", "", "", "MDCM", 4],
        [None, "OB1", "剖宫产", "ZYSS in OP_OB1", "MDCO", 1],
        [None, "O00", "", "", "MDCO", 18],
        [None, "OT1", "异位妊娠", "ZYZD in DI_OT1", "MDCO", 19],
        [None, "000", "", "", "0000", 1],
    ],
    "DRG": [
        ["DRG", "DRG名称", "DRG规则", "所属ADRG编码", "所属MDC编码", "排序"],
        ["AA19", "心脏移植", "", "AA1", "MDCA", 1],
        ["PS29", "极低体重儿", "", "PS2", "MDCP", 1],
        ["PQY", "", "", "PQY", "MDCP", 1],
        ["PV19", "婴儿疾患", "", "PV1", "MDCP", 1],
        ["P000", "", "", "P00", "MDCP", 1],
        ["ZB19", "多发创伤手术", "", "ZB1", "MDCZ", 1],
        ["ZZ19", "多发创伤无手术", "", "ZZ1", "MDCZ", 1],
        ["BB11", "前后路联合手术，伴MCC或CC", "QTZD in {MCC, CC}", "BB1", "MDCB", 1],
        ["BB15", "前后路联合手术", "", "BB1", "MDCB", 2],
        [None, None, None, None, None, None],
        ["BB20", "脑室分流，机器人辅助", "{ZYSS, QTSS} in OP_ARB", "BB2", "MDCB", 1],
        ["BB2F", "脑室分流，70岁及以上伴并发症或合并症",
         "QTZD in {MCC, CC} and NL>=70", "BB2", "MDCB", 2],
        ["BB2H", "脑室分流，70岁及以上", "NL>=70", "BB2", "MDCB", 3],
        ["BB21", "脑室分流，伴MCC", "QTZD in MCC", "BB2", "MDCB", 4],
        ["BB23", "脑室分流，伴CC", "QTZD in CC", "BB2", "MDCB", 5],
        ["BB25", "脑室分流，不伴", "", "BB2", "MDCB", 6],
        ["BC29", "多部位操作", "", "BC2", "MDCB", 1],
        ["BQY", "", "", "BQY", "MDCB", 1],
        ["BR19", "脑血管疾患", "", "BR1", "MDCB", 1],
        ["B000", "", "", "B00", "MDCB", 1],
        ["MA19", "男性生殖器官手术", "", "MA1", "MDCM", 1],
        ["MQY", "", "", "MQY", "MDCM", 1],
        ["MZ19", "男性其他疾患", "", "MZ1", "MDCM", 1],
        ["M000", "", "", "M00", "MDCM", 1],
        ["OB19", "剖宫产", "", "OB1", "MDCO", 1],
        ["O000", "", "", "O00", "MDCO", 1],
        ["OT19", "异位妊娠", "", "OT1", "MDCO", 1],
        ["0000", "", "", "000", "0000", 1],
    ],
    "集合": [
        ["集合编号", "ICD编码", "ICD名称", "类型编号"],
        *[["DI_B00", code, name, "诊断"] for code, name in (
            ("I61.000", "脑出血"), ("I63.900", "脑梗死"), ("G91.900", "脑积水"))],
        ["DI_B00", "I63.900", "脑梗死", "诊断"],
        ["DI_BR1", "I61.000", "脑出血", "诊断"],
        ["DI_BR1", "I63.900", "脑梗死", "诊断"],
        ["DI_M00", "N40.x00", "前列腺增生", "诊断"],
        ["DI_O00", "O82.000", "经选择性剖宫产术分娩", "诊断"],
        ["DI_O00", "O00.100", "输卵管妊娠", "诊断"],
        ["DI_O00", "O99.800", "妊娠期其他特指的疾病", "诊断"],
        ["DI_OT1", "O00.100", "输卵管妊娠", "诊断"],
        ["DI_PS2", "P07.100", "低出生体重儿", "诊断"],
        ["DI_PV1", "P78.900", "围生期消化系统疾患", "诊断"],
        ["DI_Z01", "S06.200", "弥散性脑损伤", "诊断"],
        ["DI_Z02", "S27.300", "肺的损伤", "诊断"],
        ["DI_Z03", "S36.100", "肝或胆囊损伤", "诊断"],
        *[["OP_AA1", "37.5100", "心脏移植", "手术"]],
        ["OP_ZB1", "01.2400", "其他开颅术", "手术"],
        ["OP1_BB1", "81.0400", "前路融合", "手术"],
        ["OP2_BB1", "81.0500", "后路融合", "手术"],
        ["OP_BB2", "02.3400", "脑室腹腔分流", "手术"],
        ["OP_BC2", "03.9200", "椎管注射", "手术"],
        ["OP_BC2", "03.3100", "腰椎穿刺", "手术"],
        ["OP_MA1", "60.2900", "经尿道前列腺切除", "手术"],
        ["OP_OB1", "74.1x00", "低位剖宫产", "手术"],
        ["OP_ARB", "17.4200", "机器人援助操作", "手术"],
        *[["OP_ALL", code, name, "手术"] for code, name in (
            ("37.5100", "心脏移植"), ("01.2400", "其他开颅术"), ("81.0400", "前路融合"),
            ("81.0500", "后路融合"), ("02.3400", "脑室腹腔分流"), ("60.2900", "经尿道前列腺切除"),
            ("74.1x00", "低位剖宫产"), ("47.0100", "腹腔镜阑尾切除"))],
    ],
    "CC": [
        ["疾病编码", "疾病名称", "排除表", "类型"],
        ["J96.000", "急性呼吸衰竭", "EX_001", "MCC"],
        ["E11.900", "2型糖尿病", "EX_002", "CC"],
        # measured by one table, itself a principal diagnosis of another
        ["G91.900", "脑积水", "EX_003", "CC"],
    ],
    "排除表": [
        ["集合编号", "ICD编码", "ICD名称"],
        ["EX_001", "J96.000", "急性呼吸衰竭"],
        ["EX_002", "E11.900", "2型糖尿病"],
        ["EX_003", "I61.000", "脑出血"],
        ["EX_002", "G91.900", "脑积水"],
    ],
}  # fmt: skip


def edition_of_september(sheets: Sheets) -> Sheets:
    """Return the later edition: no empty first column of ADRG, other words over some columns."""
    later = copy.deepcopy(sheets)
    later["ADRG"] = [row[1:] for row in later["ADRG"]]
    later["ADRG"][0][4] = "排序"
    later["DRG"][0][0] = "DRG编码"
    later["CC"][0] = ["ICD编码", "ICD名称", "排除表", "类型编号"]
    later["集合"][0][3] = "类型"
    return later


def write_workbook(
    path: Path, sheets: Sheets = SHEETS, change: Callable[[Sheets], object] | None = None
) -> Path:
    """Write the workbook, changed first; return its path."""
    own = copy.deepcopy(sheets)
    if change is not None:
        change(own)
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in own.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path
