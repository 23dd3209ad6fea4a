"""Settlement lists as JSON, in files and zips."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.hostile.model import DRGS, ROWS, Kind, Read, Refused, raw, text
from tests.hostile.workbooks import zip_bomb

LINES = ("cases.jsonl",)
JSON = ("cases.json",)
ZIP = ("cases.zip",)
IDS = {"case_id": ("A1", "A2", "A3")}


def one(row: Mapping[str, str], **head: Any) -> dict[str, Any]:
    """Return one of the three cases as a settlement list."""
    codes = [code for code in row["diagnoses"].split("|") if code]
    surgery = [code for code in row["procedures"].split("|") if code]
    return {
        "setlinfo": {
            "setl_id": row["case_id"],
            "fixmedins_code": row["hospital_id"],
            "gend": {"M": "1", "F": "2"}[row["sex"]],
            "age": int(row["age_years"]),
            "hi_type": "1",
            "adm_time": row["admission_date"],
            "dscg_time": row["discharge_date"],
            "setl_end_date": row["discharge_date"],
            **head,
        },
        "payinfo": [{"fund_pay_type": "310100", "fund_payamt": row["pool_fund"]}],
        "diseinfo": [
            {"diag_type": "1", "diag_code": code, "maindiag_flag": "1" if i == 0 else "0"}
            for i, code in enumerate(codes)
        ],
        "oprninfo": [
            {"oprn_oprt_type": "1" if i == 0 else "2", "oprn_oprt_code": code}
            for i, code in enumerate(surgery)
        ],
        "icuinfo": [],
        "iteminfo": [{"med_chrgitm": "01", "amt": row["total_cost"]}],
    }


GOOD = [one(row) for row in ROWS]
TEXTS = [json.dumps(body, ensure_ascii=False) for body in GOOD]


def lines(*texts: str, encoding: str = "utf-8", end: str = "\n") -> Callable[[Path], None]:
    """Return a maker of one list a line."""
    return raw("".join(line + end for line in texts).encode(encoding), "cases.jsonl")


def second(change: str | Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Return a maker of three lists, the second one changed or another text."""
    if isinstance(change, str):
        return lines(TEXTS[0], change, TEXTS[2])
    body = copy.deepcopy(GOOD[1])
    change(body)
    return lines(TEXTS[0], json.dumps(body, ensure_ascii=True), TEXTS[2])


def head(**given: Any) -> Callable[[Path], None]:
    """Return a maker of three lists, some fields of the second one's head changed."""
    return second(lambda body: body["setlinfo"].update(given))


def out(reason: str) -> Read:
    """One list of three is left out for a reason."""
    return Read(3, (DRGS[0], DRGS[2]), {reason: 1})


def zipped(
    members: Sequence[tuple[str, str | bytes]], change: Callable[[bytes], bytes] = bytes
) -> Callable[[Path], None]:
    """Return a maker of a zip."""

    def make(folder: Path) -> None:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, content in members:
                archive.writestr(zipfile.ZipInfo(name), content)
        (folder / "cases.zip").write_bytes(change(stream.getvalue()))

    return make


def _encrypted(data: bytes) -> bytes:
    """Set the mark of encryption in every header of a zip."""
    changed = bytearray(data)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = changed.find(mark)
        while at >= 0:
            changed[at + place] |= 1
            at = changed.find(mark, at + 4)
    return bytes(changed)


def _entries(count: int) -> Callable[[dict[str, Any]], object]:
    more = {"diag_type": "1", "diag_code": "E11.900", "maindiag_flag": "0"}
    return lambda body: body["diseinfo"].extend([more] * count)


DEEP = '{"setlinfo": ' + "[" * 100_000 + "]" * 100_000 + "}"
TWICE = TEXTS[1].replace('"gend": "2"', '"gend": "2", "gend": "1"')
EVERY = json.dumps(GOOD, ensure_ascii=False)

DISEINFO_FIRST = [json.dumps({"diseinfo": b["diseinfo"], **b}, ensure_ascii=False) for b in GOOD]
# more lists than a block holds, whose first key is not that of the head; one quotation mark is lost
MANY = [
    DISEINFO_FIRST[n % 3]
    .replace(f'"A{n % 3 + 1}"', f'"A{n + 1}"')
    .replace('{"disei', "{disei" if n == 1 else '{"disei')
    for n in range(2_500)
]
MANY_DRGS = (DRGS[0], *(DRGS[n % 3] for n in range(2, 2_500)))


def _typed(kind: str) -> Callable[[dict[str, Any]], object]:
    return lambda body: body["diseinfo"][0].update(diag_type=kind)


KINDS = [
    Kind("list-array", "一个数组里三份清单", "three lists in an array", text(EVERY, name="cases.json"), Read(values=IDS), JSON),
    Kind("list-gb18030", "GB18030编码的清单", "lists in GB18030", lines(*[t.replace('"H', '"乙') for t in TEXTS], encoding="gb18030"), Read(values=IDS), LINES),
    Kind("list-bom", "清单文件有BOM", "a mark before the lists", text("\ufeff" + EVERY, name="cases.json"), Read(values=IDS), JSON),
    Kind("list-utf16", "UTF-16的清单", "a list in UTF-16", text(EVERY, "utf-16", name="cases.json"), Read(1, (), {"list_encoding": 1}), JSON, not_by=("explain",)),
    Kind("list-crlf-blank", "CRLF和空行", "CRLF and blank lines", lines(TEXTS[0], "", TEXTS[1], "  ", TEXTS[2], end="\r\n"), Read(values=IDS), LINES),
    Kind("list-truncated", "最后一份清单被截断", "the last list cut off", raw("\n".join([*TEXTS[:2], TEXTS[2][:200]]).encode(), "cases.jsonl"),
         Read(3, DRGS[:2], {"list_unreadable": 1}), LINES),
    Kind("list-array-truncated", "数组中途截断", "an array that breaks off", raw(EVERY[: len(EVERY) - 150].encode(), "cases.json"), Read(3, DRGS[:2], {"list_unreadable": 1}), JSON),
    Kind("list-deep", "嵌套100,000层的JSON", "JSON nested 100,000 deep", second(DEEP), out("list_too_large"), LINES),
    Kind("list-keys-twice", "同一字段写两次，值不同", "a field twice, with different values", second(TWICE), out("list_field_twice"), LINES),
    Kind("list-nan", "年龄为NaN", "an age of NaN", second(TEXTS[1].replace('"age": 16', '"age": NaN')), out("list_field_kind"), LINES),
    Kind("list-huge-number", "年龄为1e400", "an age of 1e400", second(TEXTS[1].replace('"age": 16', '"age": 1e400')), Read(3, (DRGS[0], None, DRGS[2]), {"age_invalid": 1}), LINES),
    Kind("list-5000-digits", "年龄有5,000位数字", "an age of 5,000 digits", second(TEXTS[1].replace('"age": 16', '"age": ' + "9" * 5000)), out("list_field_kind"), LINES),
    Kind("list-diagnoses-10000", "一份清单10,000个诊断", "10,000 diagnoses in a list", second(_entries(10_000)), Read(3, DRGS), LINES, issue=True),
    Kind("list-diagnoses-100000", "一份清单100,000个诊断", "100,000 diagnoses in a list", second(_entries(100_000)), out("list_too_large"), LINES),
    Kind("list-17-mb", "一份清单17 MB", "a list of 17 MB", head(remark="x" * (17 << 20)), out("list_too_large"), LINES),
    Kind("list-wrong-type", "性别是对象", "an object for the sex", head(gend={"code": "2"}), out("list_field_kind"), LINES),
    Kind("list-array-id", "结算ID是数组", "an array for the id", head(setl_id=["A2"]), out("list_field_kind"), LINES),
    Kind("list-node-text", "diseinfo是文字", "a text for diseinfo", second(lambda body: body.update(diseinfo="K25.900")), out("list_field_kind"), LINES),
    Kind("list-not-objects", "数组里是数和文字", "an array of numbers and texts", raw(b'[1, "a", null]', "cases.json"), Read(3, (), {"list_not_a_list": 3}), JSON, not_by=("explain",)),
    Kind("list-other-object", "不是清单的对象", "an object that is no list", second('{"name": "a"}'), out("list_not_a_list"), LINES),
    Kind("list-nul", "结算ID中有NUL", "a NUL in the id", head(setl_id="A\x002"), Read(values={"case_id": ("A1", "A\x002", "A3")}), LINES, issue=True),
    Kind("list-surrogate", "结算ID中有孤立的代理字符", "a lone surrogate in the id", head(setl_id="A\ud8002"), out("list_encoding"), LINES),
    Kind("list-full-width", "年龄用全角数字", "an age in full-width digits", head(age="１６"), Read(3, (DRGS[0], None, DRGS[2]), {"age_invalid": 1}), LINES, issue=True),
    Kind("list-empty-file", "空的清单文件", "an empty list file", raw(b"", "cases.json"), Read(1, (), {"list_unreadable": 1}), JSON, not_by=("explain",), issue=True),
    Kind("list-html", "网页改名为.json", "a web page called .json", raw(b"<html>502 Bad Gateway</html>", "cases.json"), Read(1, (), {"list_unreadable": 1}), JSON, not_by=("explain",)),
    Kind("list-two-arrays", "两个数组首尾相接", "an array and another behind it", raw(f"[{TEXTS[0]},{TEXTS[1]}][{TEXTS[2]}]".encode(), "cases.json"), Read(values=IDS), JSON),
    Kind("list-lines-of-arrays", "每行是一个数组", "an array on every line", lines(*[f"[{t}]" for t in TEXTS]), Read(values=IDS), LINES),
    Kind("list-array-and-words", "数组后面还有文字", "words behind the array", raw(f"{EVERY} 完".encode(), "cases.json"), Read(4, DRGS, {"list_unreadable": 1}), JSON),
    Kind("list-2500-quote-lost", "2,500份清单以diseinfo开头，丢了一个引号", "2,500 lists that begin with diseinfo, a quotation mark lost", raw(f"[{','.join(MANY)}]".encode(), "cases.json"),
         Read(2_500, MANY_DRGS, {"list_unreadable": 1}), JSON),
    Kind("list-rest-behind", "清单提前结束，后半截落在外面：整份隔离", "a list that ends early, its rest behind it: quarantined whole", raw(f"[{TEXTS[0]},{TEXTS[1][:-1]}}},\"oprninfo\":[]}},{TEXTS[2]}]".encode(), "cases.json"),
         out("list_unreadable"), JSON),
    Kind("list-message-of-many", "一条报文里三份清单", "three lists in one message", raw(f'{{"infcode":"0","output":{{"data":{EVERY}}}}}'.encode(), "cases.json"), Read(values=IDS), JSON),
    Kind("list-diag-type", "不认识的diag_type（203）", "an unknown diag_type, 203", second(_typed("203")), out("list_diagnosis_type"), LINES),
    Kind("list-chinese-keys", "字段用中文名称（退费结算标志）", "fields by their Chinese names", head(**{"退费结算标志": "0"}), Read(values=IDS), LINES),
    Kind("list-junk-lines", "300行不是JSON", "300 lines that are no JSON", lines(TEXTS[0], *["x"] * 300, TEXTS[2]), Read(302, (DRGS[0], DRGS[2]), {"list_unreadable": 300}), LINES),
    Kind("zip-bomb", "解压后1 GB的zip", "a zip that unpacks to 1 GB", lambda folder: zip_bomb(folder / "cases.zip", "a.json"), Refused("压缩比异常", "packed more densely"), ZIP, alone=True, issue=True),
    Kind("zip-path", "zip中有 ../ 的名称：不写磁盘", "names with ../ in a zip: nothing is written", zipped([("../../a.json", EVERY)]), Read(values=IDS), ZIP),
    Kind("zip-nested", "zip中套zip", "a zip within a zip", zipped([("a.zip", b"PK"), ("b.json", EVERY)]), Refused("里还有压缩包", "holds another archive"), ZIP),
    Kind("zip-empty", "空的zip", "an empty zip", zipped([]), Refused("没有清单文件", "no list files"), ZIP),
    Kind("zip-others", "zip中没有清单", "a zip without lists", zipped([("a.docx", b"x")]), Refused("不是清单的文件", "files that are no lists"), ZIP),
    Kind("zip-encrypted", "加密的zip", "an encrypted zip", zipped([("a.json", EVERY)], _encrypted), Refused("压缩包有密码", "encrypted"), ZIP),
    Kind("zip-truncated", "截断的zip", "a truncated zip", zipped([("a.json", EVERY)], lambda data: data[: len(data) // 2]), Refused("压缩包损坏", "the zip is damaged"), ZIP),
    Kind("zip-damaged", "内容损坏的zip（校验不符）", "a zip whose content is damaged", zipped([("a.json", EVERY)], lambda data: data.replace(b"K25.900", b"K25.901", 1)),
         Refused("压缩包损坏", "the zip is damaged"), ZIP),
    Kind("zip-two-names", "zip中两个文件同名", "two files of one name in a zip", zipped([("a.json", TEXTS[0]), ("A.JSON", TEXTS[1]), ("b.json", TEXTS[2])]), Read(3, None), ZIP),
]  # fmt: skip
