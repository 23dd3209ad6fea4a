"""Where numba cannot be installed cases are grouped and settled all the same, and it is said once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HIDDEN = "import sys; sys.modules['numba'] = sys.modules['llvmlite'] = None\n"


def _run(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_DISABLE_JIT"}
    return subprocess.run(
        [sys.executable, "-c", HIDDEN + script, *words],
        cwd=ROOT,
        env={**environment, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_library__groups_without_numba_and_warns_once() -> None:
    done = _run(
        "import warnings, pyarrow as pa, drgpay\n"
        "one = {'case_id': ['a'], 'sex': ['M'], 'age_years': [61], 'diagnoses': ['I63.900']}\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    for _ in range(2):\n"
        "        found = drgpay.group(pa.table(one), scheme='zj-drg-2024')\n"
        "from drgpay.ground.jit import SlowWarning\n"
        "print(found.table['drg'][0], [str(w.message) for w in caught if w.category is SlowWarning])"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("BR25 ['没有可用的numba")
    assert done.stdout.count("numba cannot be used") == 1


@pytest.mark.parametrize(
    ("lang", "said"), [("zh", "说明：没有可用的numba"), ("en", "note: numba cannot be used")]
)
def test_command__groups_without_numba_and_says_so_once(
    lang: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "one.csv").write_text("case_id,sex,age_years,diagnoses\n1,M,61,I63.900\n")
    words = ["group", str(tmp_path / "one.csv"), "-o", str(tmp_path / "g.csv"), "--lang", lang]
    done = _run("from drgpay.cli import main; main()", *words)
    assert done.returncode == 0, done.stderr
    assert "BR25" in (tmp_path / "g.csv").read_text(encoding="utf-8")
    told = done.stdout + done.stderr
    assert told.count(said) == 1 and told.count("numba") == 2 and "SlowWarning" not in told
