"""The kernels of bounded payments run as plain Python too, and say the same."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SCRIPT = """
import random
import sys
import numpy as np
from drgpay.ground.jit import JIT_DISABLED
if not JIT_DISABLED:
    sys.exit("the kernels are compiled")
from drgpay.budget.bounds import group_sums, payments, solve
from reference.model import bounded
from tests.budget.problems import difference, drawn
rng = random.Random(31)
for number in range(600):
    problem = drawn(rng)
    items = problem.engine
    found = solve(items, problem.target)
    wrong = difference(problem, found)
    model = bounded.solve(problem.model, problem.target)
    if not wrong and payments(items, found).tolist() != bounded.item_fen(problem.model, model):
        wrong = f"{problem}: payments"
    if not wrong and sum(group_sums(items, found.state, found.value, problem.group, 3)) != found.total_fen:
        wrong = f"{problem}: groups"
    if wrong:
        sys.exit(wrong)
print(number + 1)
"""


def test_kernels__as_plain_python_agree_with_the_model() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) == 600
