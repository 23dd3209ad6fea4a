"""Certificate numbers of persons leave as keyed hashes: the key is the region's, and never in a result.

Without the key nobody can try out numbers, of which there are too few to be hidden by a hash alone.
"""

from __future__ import annotations

import datetime as dt
import hmac
import os
import re
import secrets
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ground.inputs import read_input

KEY_FILE: Final = "pseudonym.key"
VARIABLE: Final = "DRGPAY_PSEUDONYM_KEY"
ONCE: Final = secrets.token_bytes(32)  # where a region keeps no key: of this process alone
_LEAST = 32  # characters of a key
_ABOVE = 3  # folders above a file of lists in which its region's key may lie
_MARKS = re.compile("[\\s\u200b-\u200f\u2060\ufeff._\\-—–‐‑/·]+")
_NUMBER = re.compile(r"(?<!\d)(\d{17}[\dX]|\d{15})(?!\d)", re.ASCII)
_INSIDE = re.compile(r"(?=([1-9]\d{16}[\dX]))", re.ASCII)
_CHECKS = b"10X98765432"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def certificate_of(text: str) -> str | None:
    """Return the certificate number that a text is or holds, None when there is none.

    Full-width digits, blanks, dashes, a prefix and a small x do not hide it; one of 15 digits is
    returned as the one of 18 that it became.

    >>> certificate_of("３３０１０６ 19600101-001x") == certificate_of("ID:33010619600101001X")
    True
    >>> certificate_of("330106600101001") == certificate_of("330106196001010014")
    True
    >>> certificate_of("P000123"), certificate_of("33010099000000000000012345")
    (None, None)
    """
    plain = _MARKS.sub("", unicodedata.normalize("NFKC", text)).upper()
    found = _NUMBER.search(plain)
    if found is None:  # behind digits of another meaning, as the kind of certificate
        found = next((m for m in _INSIDE.finditer(plain) if _sound(m[1])), None)
    if found is None:
        return None
    number = found[1]
    if len(number) == 15 and _is_day("19" + number[6:12]):
        number = f"{number[:6]}19{number[6:]}"
        number += _check_digit(number)
    return number


def _is_day(text: str) -> bool:
    try:
        dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def _check_digit(digits: str) -> str:
    total = sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=False))
    return chr(_CHECKS[total % len(_CHECKS)])


def _sound(number: str) -> bool:
    born = number[6:14]
    return "1900" <= born[:4] < "2100" and _is_day(born) and number[17] == _check_digit(number)


PERSON: Final = "patient_id"  # the column that says who somebody is
_BORN = r"(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_WHOLE = rf"(?:^|\D)(?P<number>[1-9]\d{{5}}{_BORN}\d{{3}}[\dX])(?:\D|$)"
_WIDTH = 18


def count_certificates(texts: pa.Array) -> int:
    """Return how many texts are certificate numbers of 18 digits, however they are written.

    >>> count_certificates(pa.array(["P000000000000000001", "ID:990000 19600101-0005", None]))
    1
    """
    longest = pc.max(pc.binary_length(texts)).as_py()
    if longest is None or longest < _WIDTH:
        return 0
    plain = pc.replace_substring_regex(pc.utf8_normalize(texts, "NFKC"), _MARKS.pattern, "")
    plain = pc.utf8_upper(plain)
    whole = pc.struct_field(pc.extract_regex(plain, _WHOLE), "number").drop_null()
    if not len(whole):
        return 0
    signs = np.array(whole.to_pylist(), dtype=f"S{_WIDTH}").view(np.uint8).reshape(-1, _WIDTH)
    total = (signs[:, :-1].astype(np.int64) - ord("0")) @ np.array(_WEIGHTS)
    due = np.frombuffer(_CHECKS, np.uint8)[total % len(_CHECKS)]
    return int(np.count_nonzero(due == signs[:, -1]))


def shown(column: str, value: object) -> str:
    """Return what a message shows of a value: nothing of the number of a person."""
    return "" if column == PERSON else str(value)


def certificates_note(count: int) -> Bilingual:
    """Return what is said of tables whose persons are named by their certificate numbers."""
    return both(
        f"参保人编号（{PERSON}）：{count:,} 行填的是居民身份证号码，会原样进入转换结果（及Spark的病例表）；请改填"
        "人员编号（psn_no），或用结算清单，其中的证件号码以 drgpay cases key 的密钥变成假名",
        f"{PERSON}: {count:,} rows have certificate numbers of persons, which go into converted files "
        "(and Spark's table of cases) as they are: give numbers of insured persons (psn_no), or settlement lists, "
        "whose certificate numbers become pseudonyms under the key of drgpay cases key",
    )


def pseudonym(number: str, key: bytes) -> str:
    """Return what stands for a certificate number: `#` and 24 hexadecimal digits of its HMAC.

    All ways of writing the number have one pseudonym under one key.
    """
    canonical = certificate_of(number) or unicodedata.normalize("NFKC", number).strip().upper()
    return "#" + hmac.new(key, canonical.encode(), "sha256").hexdigest()[:24]


def make_key(path: Path) -> None:
    """Write a new key that only its owner may read; raises InputError when something is there."""
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(
            both(
                "此处已有文件，密钥从不覆盖", "there is a file already: a key is never overwritten"
            ),
            where=path,
            remedy=both(
                "换了密钥，同一人的假名就不再相同；确要另立，请另取名称",
                "with another key nobody's pseudonym stays the same; name another file if need be",
            ),
        ) from None
    with os.fdopen(opened, "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(32) + "\n")
        stream.flush()
        os.fsync(opened)


def key_for(files: Sequence[Path]) -> bytes | None:
    """Return the key of the region that files belong to, None where it keeps none.

    It is the file that the environment names, else `pseudonym.key` beside the files or in one of
    the three folders above. Raises InputError for a key that cannot be used.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return _read(Path(named))
    for file in files:
        for folder in file.absolute().parents[: _ABOVE + 1]:
            if os.path.lexists(folder / KEY_FILE):
                return _read(folder / KEY_FILE)
    return None


def _read(path: Path) -> bytes:
    try:
        key = read_input(path, limit=2**20).strip()
    except OSError as error:
        raise InputError(
            both("假名密钥读不出来", f"the key of pseudonyms cannot be read: {error.strerror}"),
            where=path,
            remedy=both("核对路径和权限", "look at the path and its permissions"),
        ) from None
    if len(key) < _LEAST:
        raise InputError(
            both(
                f"假名密钥短于{_LEAST}个字符",
                f"the key of pseudonyms has less than {_LEAST} characters",
            ),
            where=path,
            remedy=both("用 drgpay cases key 生成", "make one with drgpay cases key"),
        )
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise InputError(
            both("假名密钥可被他人读取", "others may read the key of pseudonyms"),
            where=path,
            remedy=both(f"运行 chmod 600 {path}", f"run chmod 600 {path}"),
        )
    return key


NO_KEY = both(
    "清单中有证件号码，而统筹区没有假名密钥：本次用一次性密钥，同一人在另一次运行中的假名不同，"
    "分几次转换的文件之间认不出再住院。请先用 drgpay cases key -o 统筹区文件夹/pseudonym.key 生成密钥并妥善保存",
    "the lists have certificate numbers and the region keeps no key of pseudonyms: a key of this run "
    "alone was used, so that files converted in several runs know no readmissions between them; make "
    "one with drgpay cases key -o REGION/pseudonym.key and keep it",
)
