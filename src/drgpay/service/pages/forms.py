"""Forms of the pages: what a browser sends, read without more than the standard library."""

from __future__ import annotations

from collections import defaultdict
from urllib.parse import parse_qsl

from starlette.requests import Request

from drgpay.ground.errors import both
from drgpay.service.problems import Problem

MOST_FIELDS = 1_000
KIND = "application/x-www-form-urlencoded"


class Form:
    """The fields of a form, texts without blanks around them; a name may stand several times."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._all: dict[str, list[str]] = defaultdict(list)
        for name, value in pairs:
            self._all[name].append(value.strip())
        self._raw = dict(pairs)

    def one(self, name: str) -> str:
        """Return the last value of a name, empty where there is none."""
        found = self._all.get(name)
        return found[-1] if found else ""

    def raw(self, name: str) -> str:
        """Return the last value of a name as it came, blanks and all: of a password."""
        return self._raw.get(name, "")

    def all(self, name: str) -> list[str]:
        """Return the values of a name that are not empty, in order."""
        return [value for value in self._all.get(name, ()) if value]


async def form_of(request: Request) -> Form:
    """Return the form that a request brings; raises Problem for what is none."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != KIND:
        raise _no_form()
    try:
        pairs = parse_qsl(
            (await request.body()).decode("utf-8"),
            keep_blank_values=True,
            max_num_fields=MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise _no_form() from None
    return Form(pairs)


def _no_form() -> Problem:
    return Problem(422, "no_form", both("内容不是表单", "the body is not a form"))
