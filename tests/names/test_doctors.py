"""Payment standards must not be used on single doctors (N10): no column tells whose case it is."""

import re

from drgpay.names.columns import CASE_COLUMNS
from drgpay.names.run_tables import MONTH_TABLES, YEAR_TABLES
from drgpay.service.models import ASKED

DOCTOR = re.compile(r"doctor|physician|医师|医生|大夫|dr_name|chfpdr|atddr", re.IGNORECASE)


def test_columns__name_no_doctor() -> None:
    told = [w for c in CASE_COLUMNS for w in (c.name, c.chinese, c.meaning, *c.aliases)]
    told += [
        name
        for tables in (YEAR_TABLES, MONTH_TABLES)
        for t in tables.values()
        for name in t.split()
    ]
    assert not [word for word in (*told, *ASKED) if DOCTOR.search(word)]
    assert DOCTOR.search("主治医师") and DOCTOR.search("atddr_code")
