"""The kernels run as plain Python too, and say the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SCRIPT = """
import sys
from pathlib import Path
from drgpay.ground.jit import JIT_DISABLED
if not JIT_DISABLED:
    sys.exit("the kernels are compiled")
from drgpay.grouper import Grouper
from drgpay.settlement.year_end import year_end
from reference.model import load_scheme, settle_region
from tests.grouper.generated import Tables, differences
compared, part = 0, int(sys.argv[1])
for path in sys.argv[2:]:
    for match in ("main", "any"):
        grouper, model = Grouper(Path(path), surgical_match=match), load_scheme(Path(path), match)
        tables = Tables(grouper, 3)
        cases = list(tables.drawn(1000 // part)) + list(tables.boundaries())[:: 20 * part]
        cases += list(tables.aimed(1))[:: 3 * part]
        wrong = differences(grouper, model, cases)
        if wrong:
            sys.exit(f"{path}: {wrong[0]}")
        compared += len(cases)
region = Path("tests/cases/ex1")
fast, slow = year_end(region), settle_region(region)
for row in slow.hospitals:
    mine = next(h for h in fast.hospitals if (h.hospital_id, h.pool) == (row.hospital_id, row.pool))
    if mine.final_fen != row.final_fen:
        sys.exit(f"{row.hospital_id} {row.pool}: {mine.final_fen} is not {row.final_fen}")
print(compared)
"""


@pytest.mark.parametrize("part", [8, pytest.param(1, marks=pytest.mark.long)])
def test_kernels__as_plain_python_agree_with_the_model(part: int) -> None:
    schemes = ["reference/schemes/zj-drg-2022", "reference/schemes/jiangsu-drg-2025"]
    schemes.append("tests/schemes/testland-tiny")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(part), *schemes],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) > 6000 // part
