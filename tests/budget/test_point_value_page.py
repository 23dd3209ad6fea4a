"""The page on the point value shows code that runs."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "point-value.md").read_text(encoding="utf-8")


def test_point_value_page__examples_run() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "docs/point-value.md", "exec"), {})
