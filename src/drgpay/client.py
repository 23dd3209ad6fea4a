"""A thin client of the service, typed as it answers; needs the extra `drgpay[client]` (httpx2).

Nothing is reckoned here: what the service says is returned as it came. A test holds the types
against the service's own models.

    with Client("https://drg.example.org", key) as drg:
        answer = drg.preview({"sex": "M", "age_years": 61, "diagnoses": ["I63.900"]})
        print(answer["drg"]["code"], answer["points"])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, NotRequired, Self, TypedDict

import httpx2

Case = Mapping[str, Any]  # fields as `/docs` lists them; money as texts in yuan


class Named(TypedDict):
    """A code with its word."""

    code: str
    name: str


class Code(TypedDict):
    """A code as it was read; `written`, `unknown`, `level` only where there is something to say."""

    code: str
    name: str
    written: NotRequired[str | None]
    unknown: NotRequired[bool]
    nearest: NotRequired[list[Named]]
    level: NotRequired[str | None]
    counts: NotRequired[bool | None]
    decides: NotRequired[bool | None]


class PointValue(TypedDict):
    """Yuan a point: rounded, exact, and from which published result."""

    yuan: str
    fraction: str
    pool: str
    run: str
    period: str
    provisional: bool


class Note(TypedDict):
    """What the reader must know."""

    code: str
    text: str


class Preview(TypedDict):
    """The answer to a case: points are decimal texts, money is whole fen."""

    case_id: NotRequired[str | None]
    status: Named
    reason: Named | None
    mdc: Named
    adrg: Named
    drg: Named
    severity: str
    severity_diagnosis: str
    by_procedure: str
    codes: dict[str, list[Code]]
    case_class: Named | None
    paid_by: Named | None
    points: str | None
    point_value: PointValue | None
    total_cost_fen: int | None
    expected_fen: int | None
    over_cost_fen: int | None
    payment_over_cost: str | None
    due_fen: int | None
    notes: list[Note]
    versions: dict[str, Any]
    unverified: list[str]
    promise: str
    explanation: NotRequired[dict[str, Any] | None]


class CodeFound(TypedDict):
    """A code or a group that was looked for."""

    kind: str
    code: str
    name: str
    level: str | None


class Fault(Exception):
    """The service did not do as asked: `status`, `title`, `detail` and `errors` as it told them."""

    def __init__(self, told: Mapping[str, Any], status: int) -> None:
        self.status = status
        self.title, self.detail = str(told.get("title", "")), str(told.get("detail", ""))
        self.errors: list[dict[str, str]] = list(told.get("errors", ()))
        self.request_id = str(told.get("request_id", ""))
        fields = "; ".join(f"{e['field']}: {e['message']}" for e in self.errors)
        super().__init__(" ".join(filter(None, (f"{status} {self.title}", self.detail, fields))))


class Client:
    """Asks one service with one key; `http`: a client of httpx2 to use instead of an own one."""

    def __init__(
        self, url: str, key: str, *, seconds: float = 10.0, http: httpx2.Client | None = None
    ) -> None:
        self._own = http is None
        self._http = http or httpx2.Client(base_url=url, timeout=seconds)
        self._headers = {"Authorization": f"Bearer {key}"}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        if self._own:
            self._http.close()

    def preview(self, case: Case, *, explain: bool = False, scheme: str | None = None) -> Preview:
        """Return group, points and expected payment of one case."""
        params = {"explain": str(explain).lower(), **({"scheme": scheme} if scheme else {})}
        made: Preview = self._asked("POST", "/v1/preview", json=dict(case), params=params)
        return made

    def message(self, envelope: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a message of the national interface (4101), in its own form."""
        made: dict[str, Any] = self._asked("POST", "/v1/preview", json=dict(envelope))
        return made

    def compare(self, case: Case, codings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the answers to a stay coded in several ways, the codes of the case first."""
        body = {"case": dict(case), "codings": [dict(one) for one in codings]}
        made: list[dict[str, Any]] = self._asked("POST", "/v1/compare", json=body)["codings"]
        return made

    def save(
        self, case: Case, codings: Sequence[Mapping[str, Any]] = (), *, title: str = ""
    ) -> dict[str, Any]:
        """Keep a stay with its codings, on purpose; return its id with the answers to it."""
        body = {"case": dict(case), "codings": [dict(one) for one in codings], "title": title}
        made: dict[str, Any] = self._asked("POST", "/v1/previews", json=body)
        return made

    def saved(self, preview_id: str) -> dict[str, Any]:
        """Return what is kept under an id, answered by what is published now."""
        made: dict[str, Any] = self._asked("GET", f"/v1/previews/{preview_id}")
        return made

    def codes(
        self, asked: str, *, kind: str | None = None, scheme: str | None = None, limit: int = 20
    ) -> list[CodeFound]:
        """Return codes and groups by a part of code, name or pinyin initials."""
        params: dict[str, Any] = {"q": asked, "limit": limit}
        params |= {name: v for name, v in (("kind", kind), ("scheme", scheme)) if v}
        made: list[CodeFound] = self._asked("GET", "/v1/codes", params=params)["codes"]
        return made

    def schemes(self) -> list[dict[str, Any]]:
        """Return all schemes."""
        made: list[dict[str, Any]] = self._asked("GET", "/v1/schemes")["schemes"]
        return made

    def group(self, scheme: str, drg: str) -> dict[str, Any]:
        """Return a group with its rules, lists and base points."""
        made: dict[str, Any] = self._asked("GET", f"/v1/schemes/{scheme}/drgs/{drg}")
        return made

    def runs(self) -> list[dict[str, Any]]:
        """Return the published years and months."""
        made: list[dict[str, Any]] = self._asked("GET", "/v1/runs")["runs"]
        return made

    def hospital(self, run: str, hospital: str) -> dict[str, Any]:
        """Return one institution's rows of a published result."""
        made: dict[str, Any] = self._asked("GET", f"/v1/runs/{run}/hospitals/{hospital}")
        return made

    def why(self, run: str, **subject: str) -> dict[str, Any]:
        """Return how a figure came about: `case`, `hospital`, `pool` or `drg` of a run."""
        made: dict[str, Any] = self._asked("GET", f"/v1/runs/{run}/why", params=subject)
        return made

    def me(self) -> dict[str, Any]:
        """Return whose key it is."""
        made: dict[str, Any] = self._asked("GET", "/v1/me")
        return made

    def _asked(self, method: str, path: str, **more: Any) -> Any:
        """Return the answer; raises Fault for what the service refuses."""
        answer = self._http.request(method, path, headers=self._headers, **more)
        if answer.status_code >= 400:
            kind = answer.headers.get("content-type", "")
            raise Fault(answer.json() if "json" in kind else {}, answer.status_code)
        return answer.json()
