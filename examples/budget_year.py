"""一座虚构城市的一个总额控制年度：从编制方案到次年二月的再平衡和公开，一条命令一条命令地走一遍。

    python examples/budget_year.py 文件夹 [病例数]

住院按点数付费（全市一个预算），云岫区医共体三家成员的门诊按指标付费；两者同在一个总额控制目标之下。
所有数据都是虚构的；各表先由本脚本写出，实际工作中由经办人填写（CSV 或 Excel，中文表头）。
每条命令都可以照样在终端里执行；动钱的都由三个人办：张三经办、李四复核、王五审批。
"""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import openpyxl

Run = Callable[[list[str], Path], str]  # runs `drgpay` with these words in a folder; what it said
YEAR, POOL = 2025, "310"
BOOK = "账.sqlite"  # 每条命令用 --book 账.sqlite，或设一次环境变量 DRGPAY_BOOK
MEMBERS = ("SYN0004", "SYN0005", "SYN0006")  # 云岫区医共体
POLICY = "--policy chongqing-budget"
COMMUNITY, NAME = "C1", "云岫医共体"
ADJUSTED = "机构编码,险种,调整情形,百分比,原因"


def by_process(words: list[str], folder: Path) -> str:
    """Run the command as a user does; raises CalledProcessError where it refuses."""
    env = {**os.environ, "DRGPAY_BOOK": BOOK}
    done = subprocess.run(
        [sys.executable, "-m", "drgpay", *words],
        cwd=folder, check=True, capture_output=True, text=True, env=env,
    )  # fmt: skip
    return done.stdout + done.stderr


class Desk:
    """经办、复核、审批三个人的工作台：一个文件夹、一本账。"""

    def __init__(self, folder: Path, run: Run = by_process) -> None:
        self.folder, self.run = folder, run

    def do(self, command: str) -> str:
        """执行一条命令。"""
        print(f"$ drgpay {command}")
        return self.run(shlex.split(command), self.folder)

    def pass_on(self, command: str, day: str = "") -> None:
        """拟定之后，另一人复核，第三人审批，随即入账；它办成的程序步骤随之登记（哪一天）。"""
        found = re.search(r"已拟定第 (\d+) 号", self.do(f"budget {command} --as 张三"))
        assert found, command
        self.do(f"budget check {found[1]} --as 李四")
        self.do(f"budget approve {found[1]} --as 王五" + (f" --day {day}" if day else ""))

    def step(self, procedure: str, step: str, day: str, *papers: str, more: str = "") -> None:
        """登记程序的一步：哪一天、附哪些文件。"""
        given = " ".join(f"--paper {code}={self.paper(code)}" for code in papers)
        who = "" if "--as" in more else "--as 张三"
        self.do(f"budget done {procedure} {step} --year {YEAR} --day {day} {given} {more} {who}")

    def paper(self, name: str) -> str:
        """一份文件；这里只写一行字代替。"""
        (self.folder / "文件").mkdir(exist_ok=True)
        (self.folder / "文件" / f"{name}.txt").write_text(f"{name}（虚构）\n", encoding="utf-8")
        return f"文件/{name}.txt"

    def table(self, name: str, header: str, rows: Iterable[Sequence[object]]) -> None:
        """填好的一张表。"""
        path = self.folder / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8-sig", newline="") as stream:
            csv.writer(stream).writerows([header.split(","), *rows])

    def read(self, name: str) -> list[dict[str, str]]:
        """读一张结果表。"""
        with (self.folder / name).open(encoding="utf-8-sig", newline="") as stream:
            return list(csv.DictReader(stream))


def targets(desk: Desk) -> dict[str, int]:
    """各险种的预算（分）：住院的控制目标，职工医保另加成员门诊和预留。"""
    text = (desk.folder / "城市" / "region.toml").read_text(encoding="utf-8")
    pools = tomllib.loads(text)["pools"]
    more = {POOL: 300_000_00 * len(MEMBERS) * 2}
    return {
        p["pool"]: int(p["control_target_yuan"].replace(".", "")) * 110 // 100
        + more.get(p["pool"], 0)
        for p in pools
    }


def yuan(fen: int) -> str:
    """以元为单位的文字。"""
    return f"{fen // 100}.{fen % 100:02d}"


def plan(desk: Desk) -> None:
    """一、编制：支出预算八项因素 → 控制目标；程序各步登记在账上（经办规程第7、10至14、20条）。"""
    desk.do(f"budget init {BOOK} --region synth-1 --name 合成市 --year {YEAR} --as 张三")
    factors, outside = [], []
    for pool, fen in targets(desk).items():
        last = fen * 96 // 100
        factors += [
            (pool, "本年度基金收入测算", yuan(fen * 105 // 100), "征缴计划", "基金科"),
            (pool, "上年度基金实际支出", yuan(last), "上年决算", "基金科"),
            (pool, "参保人群与待遇政策变动", yuan(fen - last), "参保人数增长", "待遇科"),
            *((pool, name, "0", "无", "规划科") for name in OTHER_FACTORS),
        ]
        outside += [(pool, name, "0") for name in LEFT_OUT]
    desk.table("预算/budget_factors", "险种,因素,金额,依据,提出人", factors)
    desk.table("预算/target_deductions", "险种,扣除项目,金额", outside)
    desk.step("yearly_plan", "data", "2024-12-02", "base_data")
    desk.step(
        "yearly_plan", "principles", "2024-12-09",
        "fund_budget", "control_plan", "allocation_principles",
    )  # fmt: skip
    desk.pass_on(f"plan 预算 --year {YEAR} {POLICY}")


LEFT_OUT = ("定点零售药店购药", "统筹区域外就医", "离休人员就医")
OTHER_FACTORS = (
    "卫生、物价政策变动",
    "医疗卫生资源发展",
    "趸交保费跨年度分配",
    "应对支出风险的储备",
    "其他影响支出的情况",
)


def indices(desk: Desk) -> None:
    """二、指标：协商、审定之后，各成员门诊的总额控制指标（经办规程第15至19、37至39条）。"""
    desk.step("yearly_plan", "tell", "2024-12-12", "openness_record")
    desk.step("yearly_plan", "negotiate", "2024-12-18", "representatives", "negotiation_minutes")
    desk.step(
        "yearly_plan",
        "decide",
        "2024-12-23",
        "decision_minutes",
        more="--role authority --as 刘局长",
    )
    desk.table(
        "指标/past_years", "机构编码,险种,等级,类别,上年指标,上年实际执行,协商分组",
        [(name, POOL, "2", "综合", "360000", "360000", "县区") for name in MEMBERS],
    )  # fmt: skip
    desk.table(
        "指标/index_factors", "机构编码,险种,因素,百分比,reason",
        [(name, POOL, "有效服务量", "2.5", "就诊人次增长") for name in MEMBERS],
    )  # fmt: skip
    desk.pass_on(f"indices 指标 --year {YEAR} {POLICY}", "2024-12-26")


def community(desk: Desk) -> None:
    """三、医共体备案：成立批文、调剂使用办法、成员情况表（附件1），恰有一家牵头（渝医保发〔2018〕20号）。"""
    desk.table(
        "附件1", "机构医保编码,机构名称,备注",
        [(name, f"成员{name}", "" if at else "牵头单位") for at, name in enumerate(MEMBERS)],
    )  # fmt: skip
    desk.do(
        f"budget community file 附件1.csv --id {COMMUNITY} --name {NAME} --year {YEAR} {POLICY} "
        f"--approval {desk.paper('批文')} --rules {desk.paper('调剂使用办法')} --day 2025-01-20 --as 周院长"
    )
    about = f"--subject {NAME} {POLICY}"
    desk.step(
        "community_filing", "receipt", "2025-01-22", "double_filing_check", "filing_receipt",
        more=about,
    )  # fmt: skip
    desk.step(
        "community_filing", "allocate", "2025-01-23", "member_budgets", "agreement", more=about
    )
    desk.do(f"budget community form 2 --community {COMMUNITY} --year {YEAR} -o 附件2.html")


def months(desk: Desk) -> None:
    """四、逐月结算：住院按暂定点值预付，门诊在指标内支付，拨付单、银行回单（经办规程第28至30条）。"""
    for month in range(1, 13):
        name, before = f"{YEAR}-{month:02d}", f"{YEAR}-{month - 1:02d}"
        earlier = f"--earlier 各月/{before}" if month > 1 else ""
        (desk.folder / "各月").mkdir(exist_ok=True)
        desk.do(f"month 城市 --month {name} {earlier} -o 各月/{name}")
        desk.pass_on(f"month 各月/{name}")
        # 各成员申报的门诊费用：先低后高，下半年超过月度指标的暂缓到年底
        claims = [
            (member, POOL, yuan(2_400_000 + 90_000 * month + 40_000 * at), "0")
            for at, member in enumerate(MEMBERS)
        ]
        desk.table("申报/claims", "机构编码,险种,申报金额,违规费用", claims)
        desk.pass_on(f"index-month 申报 --year {YEAR} {POLICY}")
        pay(desk, f"{YEAR + month // 12}-{month % 12 + 1:02d}-20")
        if month == 6:
            watch(desk)
            mid_year(desk)


def watch(desk: Desk) -> None:
    """五、运行监控：两年的就诊记录 → 同比、指标使用与预计、排序、预警（经办规程第26、27条）。"""
    rows = [row for year in (YEAR - 1, YEAR) for row in visits(year)]
    desk.table("就诊", VISITS, rows)
    desk.do(f"budget watch 就诊.csv --year {YEAR} --month 6 {POLICY} -o 监控-{YEAR}-06")


VISITS = "就诊号,参保人编号,医疗机构编码,就诊日期,总费用,统筹基金支付,就医类别,有无手术"


def visits(year: int) -> Iterable[Sequence[object]]:
    """一年的就诊记录：每家四十人，隔月来；第三家从本年四月起每人每月来。"""
    for at, member in enumerate(MEMBERS):
        for month in range(1, 13):
            often = at == 2 and year == YEAR and month >= 4
            for person in range(40):
                if not often and (person + month) % 2:
                    continue
                stay, cost = person % 10 == 9, 30_000 + 700 * (person * month % 17)
                cost *= 20 if stay else 1
                yield (
                    f"V{year}{month:02d}{at}{person:02d}", f"P{at}{person:02d}", member,
                    f"{year}-{month:02d}-{1 + person % 28:02d}", yuan(cost), yuan(cost * 6 // 10),
                    "住院" if stay else "门诊", "是" if stay and (person + month) % 3 else "否",
                )  # fmt: skip


def pay(desk: Desk, day: str) -> None:
    """开出拨付单；银行回单入账，逐单核对金额。"""
    desk.pass_on(f"order propose --year {YEAR}")
    desk.do("budget order list --unpaid -o 拨付单.xlsx")
    rows = openpyxl.load_workbook(desk.folder / "拨付单.xlsx").active.iter_rows(values_only=True)
    orders = [row for row in rows if str(row[0]).startswith(f"{YEAR}-")]
    desk.table(
        "回单", "拨付单号,金额,支付日期,银行流水号,退票",
        [(row[0], f"{row[3]:.2f}", day, f"B{row[0]}", "否") for row in orders],
    )  # fmt: skip
    desk.do(f"budget order confirm 回单.csv --year {YEAR} --as 孙出纳")


def mid_year(desk: Desk) -> None:
    """六、年中调整：价格政策变动，主管部门审定后，同组各机构一起调（经办规程第22、23条）。"""
    about = f"--subject 价格调整 {POLICY}"
    desk.step(
        "mid_year", "propose", f"{YEAR}-07-08", "adjustment_plan", "cause_evidence", more=about
    )
    desk.step(
        "mid_year", "decide", f"{YEAR}-07-15", "decision_minutes",
        more=f"{about} --role authority --as 刘局长",
    )  # fmt: skip
    desk.table(
        "调整/adjustments", ADJUSTED,
        [(member, POOL, "重大政策调整、突发事件或价格大幅变动", "1", "诊察费上调") for member in MEMBERS],
    )  # fmt: skip
    desk.table(
        "调整/adjustment_rules", "协商分组,调整情形,百分比",
        [("县区", "重大政策调整、突发事件或价格大幅变动", "1")],
    )  # fmt: skip
    desk.pass_on(f"adjust 调整 --application 价格调整 --year {YEAR} {POLICY}", f"{YEAR}-07-16")


def clearing(desk: Desk) -> None:
    """七、年终清算：住院由点数和点值清算，清算从账上已付的数起算（经办规程第32至35条）。"""
    shutil.copy(desk.folder / "各月" / f"{YEAR}-12" / "prepaid.csv", desk.folder / "城市")
    desk.do("year-end 城市 -o 清算")
    desk.step("clearing", "analyse", "2026-01-05", "execution_analysis")
    assess(desk)
    desk.step("clearing", "assess", "2026-01-06", "assessment_report")
    desk.pass_on(f"settlement-plan --year {YEAR} {POLICY}", "2026-01-08")
    desk.step(
        "clearing", "decide", "2026-01-09", "decision_minutes", more="--role authority --as 刘局长"
    )
    desk.step("clearing", "announce", "2026-01-09", "clearing_notice")
    desk.pass_on("clear 清算", "2026-01-12")


def assess(desk: Desk) -> None:
    """八、考核：指标由就诊记录算出，没有的填报；得分、一票否决入账，清算照此（经办规程第26、32条）。"""
    desk.table(
        "考核目标/assessment_targets", "考核指标,目标上限,分值,一票否决",
        [("人次人头比", "9", "60", "否"), ("投诉件数", "5", "40", "是")],
    )  # fmt: skip
    desk.table(
        "考核目标/assessment_entered", "机构编码,考核指标,分子,依据",
        [(member, "投诉件数", at, "投诉台账") for at, member in enumerate(MEMBERS)],
    )  # fmt: skip
    desk.pass_on(f"assess propose 考核目标 就诊.csv --year {YEAR} {POLICY}")
    desk.do(f"budget assess show --year {YEAR} -o 考核.xlsx")


def community_year(desk: Desk) -> None:
    """九、医共体年终：一月十五日前调剂，同盈同亏清算，二月十日前再平衡（附件3至5）。"""
    of = f"--community {COMMUNITY} --year {YEAR} {POLICY}"
    desk.do(f"budget community form 3 --community {COMMUNITY} --year {YEAR} -o 附件3.xlsx")
    given = (10_000, -4_000, -6_000)  # 牵头单位让出一万元
    filled(desk.folder / "附件3.xlsx", "调剂出让额", dict(zip(MEMBERS, given, strict=True)))
    desk.pass_on(f"community transfer 附件3.xlsx {of} --by 周院长 --day 2026-01-12", "2026-01-16")
    desk.table(
        "考核/assessed", "机构编码,险种,score,已交超支报告",
        [(member, POOL, "", "是") for member in MEMBERS],  # 得分以账上的考核为准
    )  # fmt: skip
    desk.pass_on(f"community settle 考核 {of}", "2026-01-28")
    desk.do(f"budget community form 5 --community {COMMUNITY} --year {YEAR} -o 附件5.xlsx")
    filled(desk.folder / "附件5.xlsx", "再分配后", "再分配前")  # 这一年不再分配：前后相同
    desk.pass_on(f"community rebalance 附件5.xlsx {of} --by 周院长 --day 2026-02-06", "2026-02-10")


def filled(path: Path, column: str, values: Mapping[str, int] | str) -> None:
    """在表格里填上一列（或照抄另一列），逐家签字；其余各列表格已经填好。"""
    book = openpyxl.load_workbook(path)
    sheet = book.active
    head = next(row for row in sheet.iter_rows() if any(c.value == "机构医保编码" for c in row))
    at = {str(cell.value): cell.column for cell in head}

    def place(word: str) -> int:
        return next(number for name, number in at.items() if name.startswith(word))

    for row in range(head[0].row + 1, sheet.max_row + 1):
        name = sheet.cell(row, place("机构医保编码")).value
        if name in MEMBERS:
            copied = isinstance(values, str)
            value = sheet.cell(row, place(values)).value if copied else values[name]
            sheet.cell(row, place(column)).value = value
            sheet.cell(row, place("机构负责人签字")).value = "签"
    book.save(path)


def publication(desk: Desk) -> None:
    """十、公开与反馈：向社会公开，向各机构反馈，异议有编号、答复、结果（经办规程第9条、第33条）。"""
    desk.do(f"budget assess effects --year {YEAR} {POLICY}")
    desk.step("clearing", "report", "2026-02-12", "report_upward", "filing_upward")
    desk.do(f"budget publish --year {YEAR} {POLICY} -o 公开 --as 张三")
    desk.do(f"budget give --year {YEAR} {POLICY} -o 反馈 --as 张三")
    found = re.search(
        r"编号 (\d+)",
        desk.do(
            f"budget objection add --year {YEAR} --hospital {MEMBERS[2]} --about 人次人头比 "
            f"--text 四月起承接慢病配药 --evidence {desk.paper('慢病名册')} --as 周院长"
        ),
    )
    assert found
    desk.do(f"budget objection answer {found[1]} --accepted --text 属实，下年单列 --as 张三")
    desk.do(f"budget objection effect {found[1]} --text 已列入下年考核办法 --as 张三")


def main(folder: Path, cases: int = 2_000, run: Run = by_process) -> Desk:
    """走一遍整年；返回工作台，供查看。"""
    folder.mkdir(exist_ok=True)
    desk = Desk(folder, run)
    desk.do(f"synth --cases {cases} --seed 1 --history-years 1 -o 城市")
    plan(desk)
    indices(desk)
    community(desk)
    months(desk)
    clearing(desk)
    community_year(desk)
    pay(desk, "2026-02-20")
    publication(desk)
    desk.do(f"budget status --year {YEAR} {POLICY}")
    desk.do("budget verify")
    desk.do("budget backup 备份.zip")
    return desk


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
