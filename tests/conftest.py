"""Which tests share something dear to start: they run on one worker, by default those of a file.

A fixture of a module is made on every worker that runs a test of it: three workers that shared out
its tests one by one would make it three times. The marks `xdist_group` say which belong together as
well, but pytest-xdist 3.8 does nothing with them under pytest 9.2.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import Any

import pytest

TOGETHER = (
    re.compile(r"tests/(spark|browser|faults)/"),
    # a scheme and its reading, loaded for engine and model
    re.compile(r"(tests/grouper/test_grouping_against_model\.py::.*\[[\w.-]+-(main|any)\b)"),
)
# files of minutes whose tests share little: one by one, so that no worker is left with all of them
APART = re.compile(
    r"tests/(hostile/test_hostile|policy/test_every_choice|settlement/test_year_end_against_model"
    r"|grouper/test_grouping_against_model)\.py"
)
# what lasts longest begins first, so that no worker is left with it at the end
FIRST = re.compile(r"tests/(spark|faults|hostile|grouper|policy|settlement)/")


def together(nodeid: str) -> str:
    """Return the name of the tests that run with this one: its file's, or its own.

    >>> together("tests/spark/test_spark.py::test_one"), together("tests/a.py::test_two[x]")
    ('spark', 'tests/a.py')
    """
    found = next((m for rule in TOGETHER if (m := rule.search(nodeid))), None)
    if found is not None:
        return re.sub(r"::.*\[", "[", found[1])
    return nodeid if APART.match(nodeid) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler.loadscope import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return together(nodeid)

    config.option.loadscopereorder = False  # by number of tests, which says little
    return Scheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: FIRST.match(item.nodeid) is None)


# what `make test` installs where it can: a test that is skipped for lack of it is counted by name,
# and fails the run where DRGPAY_ALL_TESTS is set, as in CI
INSTALLED = re.compile(
    r"needs (Chromium|Playwright|the pages' scripts)|PostgreSQL is not installed"
)


def lacking(config: pytest.Config) -> list[str]:
    """Return the reasons for which tests were skipped that should have run, one a test."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", ()) if reporter is not None else ()
    reasons = [str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple)]
    return [reason for reason in reasons if INSTALLED.search(reason)]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for reason, number in sorted(Counter(lacking(config)).items()):
        terminalreporter.write_line(f"not run: {number} tests, {reason.removeprefix('Skipped: ')}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    on_worker = hasattr(session.config, "workerinput")
    if os.environ.get("DRGPAY_ALL_TESTS") and not on_worker and lacking(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
