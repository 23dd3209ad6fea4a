"""Invented settlement lists (4101) made from invented cases: for tests, and to measure reading."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
_SHARES = (("01", 6), ("02", 1), ("03", 9), ("04", 14), ("05", 11), ("06", 12), ("07", 3),
           ("08", 22), ("09", 18), ("10", 1), ("11", 2), ("14", 1))  # fmt: skip
_WAYS = {"M": "1", "F": "2"}
_FUNDS = {"310": "310100", "390": "390100"}
_INSURED = {"310": "1", "390": "2"}
_MODES = {"day_surgery": ("2", "4"), "bed_day": ("1", "5")}


def fen(value: object) -> int:
    """Return the fen of yuan as a case row has them."""
    whole, _, part = str(value or "0").partition(".")
    sign = -1 if whole.startswith("-") else 1
    return int(whole) * 100 + sign * int((part + "00")[:2])


def yuan(amount: int) -> str:
    return f"{'-' if amount < 0 else ''}{abs(amount) // 100}.{abs(amount) % 100:02d}"


def settlement_list(row: Row, *, refund_of: str | None = None) -> dict[str, Any]:
    """Return a case as a 4101 list whose items, payments and personal parts sum exactly.

    With `refund_of` all amounts are those of a refund of that settlement.
    """
    sign = -1 if refund_of else 1
    total, pool = fen(row["total_cost"]), str(row["pool"])
    fund, other = fen(row["pool_fund"]), fen(row.get("other_paid"))
    personal = total - fund - other
    account = personal // 3
    own = personal // 4
    stay, method = _MODES.get(str(row.get("payment_mode") or ""), ("1", "4"))
    days = row.get("age_days")
    diagnoses, procedures = list(row["diagnoses"] or ()), list(row["procedures"] or ())
    admitted, left = str(row["admission_date"]), str(row["discharge_date"])
    head = {
        "mdtrt_id": f"M{row['case_id']}", "setl_id": str(row["case_id"]),
        "fixmedins_name": "某医院（虚构）", "fixmedins_code": str(row["hospital_id"]),
        "hi_setl_lv": "3", "hi_no": str(row["patient_id"] or ""), "medcasno": f"B{row['case_id']}",
        "dcla_time": f"{left} 15:00:00", "psn_name": "张某某", "gend": _WAYS.get(row["sex"], "0"),
        "brdy": "1960-01-01", "age": None if row["age_years"] is None else int(row["age_years"]),
        "nwb_age": None if days is None or days == "" else int(days), "ntly": "CHN", "naty": "01",
        "patn_cert_type": "01", "certno": "990000196001010000", "prfs": "80",
        "curr_addr": "虚构市虚构路1号", "emp_name": "虚构公司", "emp_addr": "虚构市虚构路2号",
        "emp_tel": "00000000000", "poscode": "000000", "coner_name": "李某某", "patn_rlts": "1",
        "coner_addr": "虚构市虚构路1号", "coner_tel": "00000000000",
        "hi_type": _INSURED.get(pool, pool), "insuplc": "990100", "sp_psn_type": "",
        "nwb_adm_type": "", "nwb_bir_wt": row.get("birth_weight_g") or None, "nwb_adm_wt": None,
        "ipt_med_type": stay, "adm_way": "2", "trt_type": "1", "adm_time": f"{admitted} 09:30:00",
        "adm_caty": str(row.get("department") or ""), "refldept_dept": "",
        "dscg_time": f"{left} 10:00:00", "dscg_caty": str(row.get("department") or ""),
        "act_ipt_days": row["los_days"] if row["los_days"] != "" else None,
        "diag_code_cnt": len(diagnoses), "oprn_oprt_code_cnt": len(procedures),
        "vent_used_dura": "0/0/0", "pwcry_bfadm_coma_dura": "0/0/0",
        "pwcry_afadm_coma_dura": "0/0/0", "spga_nurscare_days": 0, "lv1_nurscare_days": 1,
        "scd_nurscare_days": 2, "lv3_nurscare_days": 0, "dscg_way": str(row["discharge_way"] or ""),
        "bill_code": "990101", "bill_no": "0000001", "biz_sn": f"Z{row['case_id']}",
        "days_rinp_flag_31": "1", "chfpdr_name": "王某某", "chfpdr_code": "D990000000001",
        "setl_begn_date": admitted, "setl_end_date": str(row["settlement_date"] or left),
        "psn_selfpay": yuan(sign * (personal - own)), "psn_ownpay": yuan(sign * own),
        "acct_pay": yuan(sign * account), "psn_cashpay": yuan(sign * (personal - account)),
        "hi_paymtd": method, "hsorg": "虚构市医保中心", "hsorg_opter": "T",
        "medins_fill_dept": "医保办", "medins_fill_psn": "赵某某",
    }  # fmt: skip
    if row.get("bed_day_class"):
        head["bed_day_class"] = str(row["bed_day_class"])
    if refund_of:
        head |= {"refd_setl_flag": "1", "init_setl_id": refund_of}
    payments = [{"fund_pay_type": _FUNDS[pool], "fund_payamt": yuan(sign * fund)}]
    if other:
        payments.append({"fund_pay_type": "330100", "fund_payamt": yuan(sign * other)})
    return {
        "setlinfo": head,
        "payinfo": payments,
        "opspdiseinfo": [],
        "diseinfo": [
            {"diag_type": "1", "diag_code": code, "diag_name": "虚构诊断名称",
             "adm_cond_type": "1", "maindiag_flag": "0" if place else "1"}
            for place, code in enumerate(diagnoses)
        ],
        "iteminfo": _items(total, own, sign),
        "oprninfo": [
            {"oprn_oprt_type": "2" if place else "1", "oprn_oprt_name": "虚构手术操作名称",
             "oprn_oprt_code": code, "oprn_oprt_date": admitted, "anst_way": "01",
             "oper_dr_name": "王某某", "oper_dr_code": "D990000000001", "anst_dr_name": "钱某某",
             "anst_dr_code": "D990000000002"}
            for place, code in enumerate(procedures)
        ],
        "icuinfo": [
            {"scs_cutd_ward_type": "1", "scs_cutd_inpool_time": f"{admitted} 12:00:00",
             "scs_cutd_exit_time": f"{left} 08:00:00", "scs_cutd_sum_dura": "1/0/0"}
        ] if row["icu"] in (True, "1", 1) else [],
    }  # fmt: skip


def _items(total: int, own: int, sign: int) -> list[dict[str, str]]:
    """Split a total over items by fixed shares; the last one takes what is left."""
    out = []
    left, own_left = total, own
    for place, (kind, share) in enumerate(_SHARES):
        last = place == len(_SHARES) - 1
        amount = left if last else total * share // 100
        of_own = own_left if last else min(amount, own * share // 100)
        left, own_left = left - amount, own_left - of_own
        first = (amount - of_own) // 2
        parts = amount, first, amount - of_own - first, of_own, 0
        names = ("amt", "claa_sumfee", "clab_amt", "fulamt_ownpay_amt", "oth_amt")
        out.append(
            {"med_chrgitm": kind, **{n: yuan(sign * p) for n, p in zip(names, parts, strict=True)}}
        )
    return out


def enveloped(body: Mapping[str, Any], number: int = 1) -> dict[str, Any]:
    """Return a list as the message of transaction 4101."""
    return {
        "infno": "4101", "msgid": f"H990000000012024010100000000{number:04d}",
        "mdtrtarea_admvs": "990100", "insuplc_admdvs": "990100", "recer_sys_code": "X",
        "infver": "V1.0", "opter_type": "1", "opter": "T", "opter_name": "赵某某",
        "inf_time": "2024-01-01 08:00:00", "input": body,
    }  # fmt: skip


def lists_of(cases: Path, count: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield the lists of the cases of a Parquet file."""
    import pyarrow.parquet as pq

    done = 0
    with pq.ParquetFile(cases) as file:
        for batch in file.iter_batches(10_000):
            for row in batch.to_pylist():
                if count is not None and done >= count:
                    return
                done += 1
                yield settlement_list(row)


def write_lines(lists: Iterable[Mapping[str, Any]], path: Path) -> int:
    """Write lists, one a line; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for body in lists:
            stream.write(json.dumps(body, ensure_ascii=False) + "\n")
            count += 1
    return count


def speed(cases_file: str, folder: str, count: str = "100000") -> dict[str, Any]:
    """Settlement lists as JSON lines, file to file; the file is made once."""
    from benchmarks.reading import timed_grouping

    path = Path(folder) / f"lists-{count}.jsonl"
    if not path.exists():
        write_lines(lists_of(Path(cases_file), int(count)), path)
    return timed_grouping(path)
