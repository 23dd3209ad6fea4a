"""Rows that cannot go on: where they stand, what is wrong with them and what to do.

One visible list of reasons; each names its column, so that a clerk finds the cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

import pyarrow as pa

from drgpay.names.columns import both_names
from drgpay.names.interface import FIELDS, NODES


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row is quarantined, and the remedy, in Chinese and English."""

    code: str
    chinese: str
    english: str
    remedy_chinese: str
    remedy_english: str


REASONS: dict[str, Reason] = {
    reason.code: reason
    for reason in (
        Reason(
            "row_broken",
            "这一行的字段数与表头不符",
            "the row has another number of fields than the header",
            "含逗号或换行的内容加引号，补齐字段",
            "quote fields with commas or line ends; complete the row",
        ),
        Reason(
            "row_swallowed",
            "引号没有配对：几行被并成了一行",
            "a stray quotation mark has made one row of several",
            "核对这几行的引号：删去多余的，字段内的引号写两个",
            "look at the quotation marks of these rows: remove stray ones, write one in a field twice",
        ),
        Reason(
            "stored_as_number",
            "编号被存为数字，超过15位的数字已经丢失",
            "an id is stored as a number: digits beyond the fifteenth are lost",
            "把这一列的格式设为文本，再从原系统重新导出或填写",
            "format the column as text, then export or enter it again",
        ),
        Reason(
            "code_as_number",
            "手术操作编码被存为数字，开头和末尾的0已经丢失，不能确定是哪一个编码",
            "a code of a procedure is stored as a number: zeros at its ends are lost, and not one known code fits",
            "把这一列的格式设为文本，再从原系统重新导出，或填写完整的编码，如51.2300",
            "format the column as text and export it again, or enter the whole code, as 51.2300",
        ),
        Reason(
            "code_is_name",
            "主要手术的位置写的是名称，不是编码",
            "the main procedure is a name, not a code",
            "填手术操作编码，如51.2300；名称可写在编码后面",
            "enter the code of the procedure, as 51.2300; its name may stand behind it",
        ),
        Reason(
            "rows_differ",
            "同一病例的几行在这一列不同，或类别不是诊断、手术",
            "rows of one case differ in this column, or one is neither diagnosis nor procedure",
            "同一病例各行只有编码、类别和序号可以不同；类别用对照文件的 [values.kind_of_row] 说明",
            "rows of a case differ in code, kind and order only; [values.kind_of_row] of the mapping "
            "file says what kinds are called",
        ),
        Reason("case_id_missing", "缺少病例号", "no case id", "补填病例号", "fill in the case id"),
        Reason(
            "sex_invalid",
            "性别缺失，或不是男、女",
            "sex is missing or not M or F",
            "按病案首页填男或女（M或F、1或2），半角",
            "enter M or F, 1 or 2, as on the front page",
        ),
        Reason(
            "age_invalid",
            "年龄缺失或不是0至150的数",
            "age is missing or not a number from 0 to 150",
            "填入院时的周岁数（半角数字），不足一周岁填0并另填日龄",
            "enter completed years in half-width digits; 0 below one year, with age_days",
        ),
        Reason(
            "age_days_invalid",
            "不是日龄的整天数",
            "no whole number of days of age",
            "填出生到入院的整天数，如5；以月计的写明单位，如3月、3个月10天、3 10/30；未知则留空",
            "enter whole days from birth to admission, as 5; months with their unit, as 3月; or nothing",
        ),
        Reason(
            "principal_missing",
            "缺少主要诊断",
            "no principal diagnosis",
            "补填主要诊断编码，放在第一位",
            "enter the principal diagnosis first",
        ),
        Reason(
            "count_invalid",
            "不是0至1000000的数",
            "not a number from 0 to 1,000,000",
            "改为整数，数字用半角；未知则留空",
            "enter a whole number in half-width digits, or leave it empty",
        ),
        Reason(
            "age_contradicts_dates",
            "日龄与出生日期不符：一个是新生儿（28天以内），另一个不是",
            "the age in days and the date of birth disagree: by one it is a newborn, by the other not",
            "核对出生日期、入院日期和日龄；以月计的写作3月或3个月",
            "check the dates of birth and admission and the days; write months as 3月",
        ),
        Reason(
            "weight_invalid",
            "不是新生儿体重的克数",
            "no weight of a newborn in grams",
            "改为克，如2600；千克写明单位（2.6千克）；未知则留空",
            "enter grams, as 2600, or the unit (2.6kg), or leave it empty",
        ),
        Reason(
            "flag_invalid",
            "不是0、1或是、否",
            "not 0, 1, 是 or 否",
            "改为是或否（1或0），半角；未知则留空",
            "enter 0 or 1, half width, or nothing",
        ),
        Reason(
            "choice_invalid",
            "不是可填的代码",
            "none of the codes that may stand here",
            "按该列的说明填代码，半角；未知则留空",
            "enter one of the column's codes, half width, or nothing",
        ),
        Reason(
            "date_invalid",
            "缺失或不是日期",
            "missing or not a date",
            "按2024-03-01的样式填写，数字用半角",
            "write it like 2024-03-01, in half-width digits",
        ),
        Reason(
            "dates_reversed",
            "出院早于入院",
            "discharged before admitted",
            "核对出入院日期",
            "check both dates",
        ),
        Reason(
            "money_invalid",
            "缺失或不是最多两位小数的金额（元）",
            "missing or not an amount in yuan with at most two decimals",
            "改为以元为单位、最多两位小数的数，数字和标点用半角",
            "enter yuan with at most two decimals, in half-width digits",
        ),
        Reason(
            "money_negative",
            "金额为负",
            "negative amount",
            "退费应与原结算冲抵：先用 drgpay cases convert 转换",
            "net refunds with their settlements first: drgpay cases convert",
        ),
        Reason(
            "fund_above_cost",
            "统筹基金支付大于总费用",
            "the pooled fund paid more than the total cost",
            "核对两项金额",
            "check both amounts",
        ),
        Reason(
            "hospital_unknown",
            "医疗机构不在机构表（hospitals）中",
            "hospital not in the table hospitals",
            "更正编码，或在机构表（hospitals）中增加该机构",
            "correct the id or add the hospital",
        ),
        Reason(
            "pool_unknown",
            "险种不在region.toml中",
            "pool not in region.toml",
            "更正险种，或在region.toml中增加",
            "correct the pool or add it",
        ),
        Reason(
            "payment_mode_unknown",
            "支付方式不认识",
            "unknown payment mode",
            "填按病组、日间手术或按床日（drg、day_surgery、bed_day）",
            "enter drg, day_surgery or bed_day",
        ),
        Reason(
            "bed_day_class_missing",
            "按床日付费但没有床日类别",
            "paid by bed-day without a class",
            "补填床日类别",
            "enter the bed-day class",
        ),
        Reason(
            "bed_day_rate_missing",
            "床日类别没有标准",
            "no rate for the bed-day class",
            "在床日标准表（bed_day_rates）中增加该类别",
            "add the class to the table bed_day_rates",
        ),
        Reason(
            "outside_year",
            "不属于本清算年度",
            "belongs to another year",
            "移至所属年度的数据中",
            "move it to the data of its year",
        ),
        Reason(
            "duplicate_case",
            "病例号重复",
            "the case id stands more than once",
            "同一次住院只留一行；几次住院用了同一编号（如病案号）的，改用结算ID",
            "keep one row of a stay; where several stays share a number, give the settlement id",
        ),
        Reason(
            "code_system_differs",
            "编码版本不认识，或没有到分组方案所用版本的对照表",
            "an unknown edition of codes, or one without a map to the scheme's",
            "编码版本（code_system）填 insurance-2.0（医保版）或 clinical-2022（国临版），或留空",
            "write insurance-2.0 or clinical-2022 in code_system, or nothing",
        ),
        Reason(
            "no_version_in_force",
            "出院日期时没有施行中的分组方案版本",
            "no version of the scheme was in force on the discharge date",
            "核对出院日期，或用 --scheme 写明用哪一个版本分组（各版本见 drgpay scheme list）",
            "check the discharge date, or name the version to group with by --scheme (drgpay scheme list)",
        ),
        Reason(
            "list_unreadable",
            "清单不是完整的JSON",
            "the list is not whole JSON",
            "请报送方重新导出这份清单，不要截断，每份一个完整的JSON对象",
            "have the list exported again, whole: one JSON object a list",
        ),
        Reason(
            "list_encoding",
            "清单既不是UTF-8也不是GB18030编码",
            "the list is neither UTF-8 nor GB18030",
            "另存为UTF-8编码",
            "save it as UTF-8",
        ),
        Reason(
            "list_too_large",
            "清单过大或嵌套过深",
            "the list is too large or nested too deeply",
            "核对这份文件是否为结算清单；每份不超过16 MB、20,000个诊断或收费项目",
            "check that it is a settlement list: at most 16 MB and 20,000 entries of a kind",
        ),
        Reason(
            "list_uncounted",
            "文件中标明的清单份数多于读到的，这一份没有找到",
            "the file announces more lists than were found: this one was not",
            "请报送方重新导出这个文件，每份一个完整的JSON对象",
            "have the file exported again: one whole JSON object a list",
        ),
        Reason(
            "list_not_a_list",
            "没有setlinfo，不是结算清单",
            "without setlinfo it is no settlement list",
            "按4101报文的结构报送：setlinfo、payinfo、diseinfo、iteminfo、oprninfo、icuinfo",
            "give the nodes of transaction 4101: setlinfo, payinfo, diseinfo, iteminfo, oprninfo, icuinfo",
        ),
        Reason(
            "list_field_twice",
            "同一字段在清单中出现两次",
            "a field stands twice in the list",
            "删去重复的字段，只留正确的一个",
            "remove the wrong one of the two",
        ),
        Reason(
            "list_field_kind",
            "字段的值不是文字或数",
            "the field holds neither text nor a number",
            "按接口规范填写这个字段",
            "write the field as the interface has it",
        ),
        Reason(
            "list_field_unknown",
            "这个节点的内容写在不认识的字段名下，读不出编码",
            "this node's content stands under names that are not known: no code can be read",
            "按接口规范填写字段名：诊断编码为diseinfo的diag_code，手术操作编码为oprninfo的oprn_oprt_code",
            "use the names of the interface: diag_code in diseinfo, oprn_oprt_code in oprninfo",
        ),
        Reason(
            "list_diagnosis_type",
            "不认识的诊断类别（diag_type）",
            "unknown diag_type",
            "diag_type填1（西医诊断）、2（中医主病）或3（中医主证），见接口规范",
            "write diag_type 1 (western), 2 or 3 (traditional medicine), as the interface has it",
        ),
        Reason(
            "list_principal_several",
            "主要诊断不止一个",
            "more than one principal diagnosis",
            "maindiag_flag只在一个西医诊断上填1",
            "set maindiag_flag 1 on one western diagnosis only",
        ),
        Reason(
            "list_principal_unmarked",
            "填了maindiag_flag，却没有一个西医诊断为1",
            "maindiag_flag is given but 1 on no western diagnosis",
            "在主要诊断上把maindiag_flag填为1",
            "set maindiag_flag 1 on the principal diagnosis",
        ),
        Reason(
            "list_amount",
            "缺失或不是最多两位小数的金额（元）",
            "missing or not an amount in yuan with at most two decimals",
            "更正清单中的这一金额",
            "correct this amount of the list",
        ),
        Reason(
            "list_amount_sign",
            "同一份清单的金额有正有负",
            "amounts of one list are positive and negative",
            "退费另报一份清单（全部为负，或refd_setl_flag为1），不要混在一起",
            "report a refund as a list of its own: all negative, or refd_setl_flag 1",
        ),
        Reason(
            "list_pools",
            "统筹基金支付分属两个险种",
            "pooled funds of two insurances paid for one settlement",
            "核对payinfo的fund_pay_type，或更正基金支付类型对照",
            "check fund_pay_type of payinfo, or the map of fund types",
        ),
        Reason(
            "list_fund_type",
            "基金支付类型不在对照表中",
            "the fund type is not in the map",
            '在fund_type_map中增加该类型，或增加["*", "other"]',
            'add it to fund_type_map, or add ["*", "other"]',
        ),
        Reason(
            "list_without_money",
            "清单没有收费项目或基金支付（如4101A），可以分组，不能结算",
            "the list carries no items or no payments (as 4101A): it can be grouped, not settled",
            "改用带iteminfo和payinfo的4101清单，或从结算表取金额后另制病例文件",
            "give 4101 lists with iteminfo and payinfo, or case files with the amounts of the settlement tables",
        ),
        Reason(
            "refund_not_netted",
            "退费没有与原结算冲抵",
            "a refund that is not netted with its settlement",
            "先用 drgpay cases convert 转换，再清算",
            "convert the cases first: drgpay cases convert",
        ),
        Reason(
            "refund_without_original",
            "退费找不到原结算",
            "a refund without the settlement it reverses",
            "补上原结算，或在原结算ID（refund_of、init_setl_id）中写明原结算ID",
            "add the settlement, or name it in refund_of (init_setl_id)",
        ),
        Reason(
            "refund_ambiguous",
            "退费可对应不止一次结算",
            "more than one settlement may be the one reversed",
            "在原结算ID（refund_of、init_setl_id）中写明原结算ID；病例号不得重复",
            "name the settlement in refund_of (init_setl_id); case ids must be unique",
        ),
        Reason(
            "refund_amounts",
            "退费的金额与原结算对不上",
            "the amounts of the refund do not fit its settlement",
            "核对：退费各项同号，且不大于原结算的相应金额",
            "check: amounts of one sign, none above that of the settlement",
        ),
        Reason(
            "personal_above_cost",
            "个人支付大于总费用",
            "personal payment above the total cost",
            "核对个人支付（personal_paid）与总费用（total_cost）",
            "check personal_paid and total_cost",
        ),
    )
}

REVIEW_NOTES: dict[str, Reason] = {
    reason.code: reason
    for reason in (
        Reason(
            "review_without_effect",
            "特病单议的病例既不是高倍率也不是未入组，评审不起作用",
            "the reviewed case is neither high-cost nor outside a stable group: no effect",
            "核对评审结果",
            "check the decision",
        ),
        Reason(
            "review_case_unknown",
            "特病单议的病例不在已支付病例中",
            "the reviewed case is not among the paid cases",
            "核对病例号",
            "check the case id",
        ),
    )
}


class RowNote(str):
    """What is shown of a row that never became a row of a table, and which fault it has.

    A reader puts it in `Source.broken` where the fault is another than `row_broken`.
    """

    reason: str
    column: str
    case_id: str
    times: int  # rows that it stands for

    def __new__(
        cls, value: str, reason: str, column: str = "", case_id: str = "", times: int = 1
    ) -> RowNote:
        """Make the note; as a plain string it is the value."""
        note = super().__new__(cls, value)
        note.reason, note.column, note.case_id, note.times = reason, column, case_id, times
        return note


MAX_LISTED = 100_000


class BrokenRows(list[tuple[str, int, str]]):
    """Rows that are no table rows, as (file, row, text): the first ones one by one, the rest counted.

    Behind `MAX_LISTED` the faults of one file and reason are one entry, so that a file of nothing
    but faults takes no more memory than a good one. `len` counts them all.
    """

    def __init__(self, rows: Iterable[tuple[str, int, str]] = ()) -> None:
        super().__init__()
        self.more = 0
        self.counted: dict[tuple[str, str], int] = {}  # file and reason → place of their entry
        self.extend(rows)

    def append(self, row: tuple[str, int, str]) -> None:
        """Add a row, or count it with others."""
        file, number, text = row
        times, reason = 1, _BROKEN
        if isinstance(text, RowNote):
            times, reason = text.times, text.reason
        if super().__len__() < MAX_LISTED:
            self.more += times - 1
            super().append(row)
            return
        key = (file, reason) if len(self.counted) < _MOST_FILES else ("", reason)
        place = self.counted.get(key)
        if place is None:
            self.counted[key] = super().__len__()
            self.more += times - 1
            super().append((file, number, RowNote(f"×{times}", reason, times=times)))
            return
        file, number, last = self[place]
        times += last.times if isinstance(last, RowNote) else 1
        self[place] = (file, number, RowNote(f"×{times}", reason, times=times))
        self.more = self.more + (text.times if isinstance(text, RowNote) else 1)

    def extend(self, rows: Iterable[tuple[str, int, str]]) -> None:
        """Add rows."""
        for row in rows:
            self.append(row)

    def __len__(self) -> int:
        return super().__len__() + self.more

    def __iadd__(self, rows: Iterable[tuple[str, int, str]]) -> Self:  # type: ignore[override, misc]
        self.extend(rows)
        return self


_MOST_FILES = 1_000
_BROKEN = "row_broken"


SCHEMA = pa.schema(
    [
        (name, pa.int64() if name == "row" else pa.string())
        for name in ("file", "row", "case_id", "column", "value", "reason", "message", "remedy")
    ]
)
MAX_SHOWN = 120


@dataclass
class Quarantine:
    """Collects quarantined rows as they are met; `rows` is in the order of the input."""

    rows: list[tuple[str, int, str, str, str, str]] = field(default_factory=list)
    more: int = 0  # rows that share a note with another

    def add(
        self, file: str, row: int, case_id: str | None, column: str, value: object, reason: str
    ) -> None:
        """Note one row: `row` is the number that the file shows it with (docs/formats.md)."""
        if isinstance(value, RowNote):
            case_id, column, reason = value.case_id, value.column, value.reason
            self.more += value.times - 1
        shown = "" if value is None else str(value)
        if len(shown) > MAX_SHOWN:
            shown = shown[:MAX_SHOWN] + "…"
        self.rows.append((file, row, case_id or "", column, shown, reason))

    def take(self, other: Quarantine) -> None:
        """Add the rows of another."""
        self.rows.extend(other.rows)
        self.more += other.more

    def __len__(self) -> int:
        return len(self.rows) + self.more

    def table(self, lang: str = "zh") -> pa.Table:
        """Return the rows with message and remedy in the language asked for."""
        known = {**REASONS, **REVIEW_NOTES}
        reasons = [known[row[5]] for row in self.rows]
        messages = [r.chinese if lang == "zh" else r.english for r in reasons]
        remedies = [r.remedy_chinese if lang == "zh" else r.remedy_english for r in reasons]
        columns = list(zip(*self.rows, strict=True)) if self.rows else [()] * 6
        return pa.table([*columns, messages, remedies], schema=SCHEMA)


MOST_WHY = 10  # reasons that a command tells at its end


@dataclass
class Why:
    """How many rows each reason took, and the first of them: what a command tells at its end."""

    seen: dict[tuple[str, str], tuple[int, tuple[str, int, str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, notes: Quarantine) -> Self:
        """Return why the rows of one quarantine are in it."""
        why = cls()
        why.add(notes)
        return why

    def add(self, notes: Quarantine) -> None:
        """Count the rows of a quarantine."""
        for file, row, _, column, value, reason in notes.rows:
            count, first = self.seen.get((reason, column), (0, (file, row, value)))
            self.seen[reason, column] = (count + _times(value), first)

    def lines(self, lang: str = "zh") -> list[str]:
        """Return a line a reason, the most frequent first: column, what, how many, where, remedy.

        >>> notes = Quarantine()
        >>> notes.add("a.csv", 7, "c6", "age_years", "abc", "age_invalid")
        >>> why = Why(); why.add(notes); why.lines("en")
        ["age_years: age is missing or not a number from 0 to 150: 1 row, as a.csv:7 'abc' (enter completed years in half-width digits; 0 below one year, with age_days)"]
        """
        order = sorted(self.seen.items(), key=lambda item: -item[1][0])
        made = [_why_line(*key, *found, lang) for key, found in order[:MOST_WHY]]
        rest = sum(count for _, (count, _) in order[MOST_WHY:])
        if rest:
            made.append(
                f"其余原因 {rest:,} 行" if lang == "zh" else f"other reasons: {rest:,} rows"
            )
        return made


def _why_line(reason: str, column: str, count: int, first: tuple[str, int, str], lang: str) -> str:
    known: Mapping[str, Reason] = {**REASONS, **REVIEW_NOTES}
    file, row, value = first
    what = known[reason]
    several = _times(value) > 1
    if lang == "zh":
        head = f"{both_names(column, _title(column))}：" if column else ""
        shown = "" if several else f" “{value}”" if value else " 空缺"
        return (
            f"{head}{what.chinese}，{count:,} 行，如 {file} 第{row}行{shown}；{what.remedy_chinese}"
        )
    head = f"{column}: " if column else ""
    rows = "row" if count == 1 else "rows"
    shown = "" if several else f" {value!r}" if value else " empty"
    return f"{head}{what.english}: {count:,} {rows}, as {file}:{row}{shown} ({what.remedy_english})"


def _title(column: str) -> str:
    """Return the Chinese title of a field or node of a settlement list, empty for others."""
    titles = (field.chinese for field in FIELDS if field.name == column)
    return NODES.get(column) or next(titles, "")


def _times(value: str) -> int:
    """Return for how many rows a note stands: its value is ×n for several."""
    return int(value[1:]) if value[:1] == "×" and value[1:].isdecimal() else 1
