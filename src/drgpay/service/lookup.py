"""`GET /v1/schemes…` and `/v1/codes`: what schemes hold, and codes found by a part of them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from drgpay.ground.errors import both, in_language
from drgpay.ground.languages import choose
from drgpay.ground.money import points_text
from drgpay.ground.reference import bundled
from drgpay.grouper.engine import Grouper, kept_by_grouper
from drgpay.grouper.versions import VersionedGrouper
from drgpay.schemes.load import describe
from drgpay.schemes.rules import RuleSyntaxError, members, parse_rule
from drgpay.schemes.search import CodeSearch
from drgpay.schemes.tables import AdrgRow, DrgRow, MdcRow, Scheme
from drgpay.schemes.versions import bundled_families
from drgpay.schemes.words import ADRG_KINDS, rule_in_words
from drgpay.service.answers import kept_response
from drgpay.service.desk import Board, Desk, no_scheme
from drgpay.service.models import LONGEST_TEXT
from drgpay.service.problems import lang_of, not_there
from drgpay.service.roles import READERS, Role
from drgpay.service.rows import Row

FEWEST = 5  # institutions behind a figure that one of them may see


class Kind(StrEnum):
    """What is looked for: groups are MDCs, ADRGs and DRGs."""

    DIAGNOSIS = "diagnosis"
    PROCEDURE = "procedure"
    GROUP = "group"


class CodeFound(BaseModel):
    """A code or a group; `level` is MCC or CC of a diagnosis that counts as one."""

    kind: str = Field(description="diagnosis、procedure、mdc、adrg 或 drg")
    code: str
    name: str
    level: str | None


class CodesOut(BaseModel):
    """What was found, the likeliest first."""

    scheme: str
    codes: list[CodeFound]


class SchemeOut(BaseModel):
    """A scheme. `published`: the one whose base points the published year has."""

    id: str
    title: str
    title_en: str
    family: str | None
    base: str | None
    effective_from: dt.date | None
    effective_to: dt.date | None
    verified: bool = Field(description="施行日期已核实")
    draft: bool
    digest: str
    published: bool


class SchemesOut(BaseModel):
    """All schemes that there are."""

    schemes: list[SchemeOut]


class BaseOut(BaseModel):
    """What the published year says of a group; money is whole fen, points decimal texts.

    `cases` and `total_cost_fen` are null to a hospital where fewer than five institutions had any.
    """

    run: str
    period: str
    base_points: str | None
    group_mean_fen: int | None
    weight: str | None
    stable: bool
    review: bool = Field(description="例数少，经特病单议才支付")
    origin: str | None
    history_cases: int | None = Field(description="裁剪后参加测算的例数")
    trimmed: int | None
    cv_before: float | None
    cv_after: float | None
    median_before_fen: str | None
    median_after_fen: str | None
    cases: int | None
    total_cost_fen: int | None


class GroupRow(BaseModel):
    """A group in the list of a scheme's groups."""

    drg: str
    name: str
    adrg: str
    adrg_name: str
    mdc: str
    mdc_name: str
    base_points: str | None


class GroupsOut(BaseModel):
    """The groups of a scheme in the order of their evaluation."""

    scheme: str
    drgs: list[GroupRow]


class ListOut(BaseModel):
    """A list of codes that a rule names, or a page of it."""

    owner: str
    name: str
    kind: str
    count: int
    offset: int
    codes: list[dict[str, str]]


class WayOut(BaseModel):
    """One way into a group: the rules that hold one after the other, in words."""

    mdc: str
    mdc_name: str
    mdc_rule: str
    adrg: str
    adrg_key: str
    adrg_name: str
    adrg_kind: str
    adrg_rule: str
    drg_rule: str
    condition: str | None = Field(description="病组名称所述、公布的表所无的条件（假定）")
    lists: list[ListOut]


class GroupOut(BaseModel):
    """A group of a scheme, with what the published year says of it."""

    scheme: str
    digest: str
    drg: str
    name: str
    ways: list[WayOut]
    same_adrg: list[dict[str, str]]
    base: BaseOut | None


_Id = Annotated[str, Path(description="方案或方案族", max_length=LONGEST_TEXT)]
_Drg = Annotated[str, Path(description="DRG编码", max_length=LONGEST_TEXT)]
_Scheme = Annotated[str | None, Query(description="方案，默认已发布的", max_length=LONGEST_TEXT)]
_Asked = Annotated[
    str, Query(min_length=1, max_length=LONGEST_TEXT, description="编码、名称或拼音首字母的一段，多个词以空格隔开",
               examples=["脑梗"])
]  # fmt: skip
_Size = Annotated[int, Query(ge=1, le=100)]
_Kinds = Annotated[list[Kind] | None, Query(description="只找这些，默认都找")]
_List = Annotated[
    str | None, Query(alias="list", description="只要这一列表", max_length=LONGEST_TEXT)
]
_Offset = Annotated[int, Query(ge=0, le=1_000_000, description="列表从第几个编码起")]
_ListSize = Annotated[int, Query(ge=0, le=2_000, description="每个列表最多几个编码")]

search_of: Callable[[Grouper], CodeSearch] = kept_by_grouper(lambda own: CodeSearch(own.scheme))


def grouper_of(desk: Desk, scheme: str | None) -> Grouper:
    """Return the grouper of a scheme, of a family that of the version in force today."""
    found = desk.grouper(scheme)
    return found.of_day(None) if isinstance(found, VersionedGrouper) else found


async def codes(
    request: Request, q: _Asked, kind: _Kinds = None, scheme: _Scheme = None, limit: _Size = 20
) -> Response:
    """查编码：诊断、手术操作、病组，按编码、名称或拼音首字母。"""
    desk = request.app.state.service.desk
    kinds = [k for own in kind or list(Kind) for k in _KINDS[own]]
    if not desk.is_ready(scheme) or not desk.warm:
        await run_in_threadpool(lambda: search_of(grouper_of(desk, scheme)))
    grouper = grouper_of(desk, scheme)
    found = search_of(grouper).find(q, kinds=kinds, limit=limit)
    rows = [
        {"kind": one.kind, "code": one.code, "name": one.name, "level": one.level or None}
        for one in found
    ]
    return kept_response(request, {"scheme": grouper.scheme.id, "codes": rows})


_KINDS = {
    Kind.DIAGNOSIS: ("diagnosis",),
    Kind.PROCEDURE: ("procedure",),
    Kind.GROUP: ("mdc", "adrg", "drg"),
}


@lru_cache(maxsize=1)
def _bundled() -> dict[str, dict[str, Any]]:
    """Return what the manifests of the bundled schemes say."""
    return {name: scheme_row({**describe(name), "id": name}) for name in bundled("schemes")}


def scheme_row(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a scheme as it is listed, by its manifest."""
    effective = manifest.get("effective", {})
    title = str(manifest.get("title", manifest["id"]))
    first, last = effective.get("from"), effective.get("to")
    return {
        "id": manifest["id"],
        "title": title,
        "title_en": str(manifest.get("title_en", title)),
        "family": manifest.get("family"),
        "base": manifest.get("base"),
        "effective_from": None if first is None else str(first),
        "effective_to": None if last is None else str(last),
        "verified": bool(effective.get("verified", True)),
        "draft": bool(manifest.get("draft", False)),
        "digest": str(manifest.get("digest", "")),
        "published": False,
    }


def _published(board: Board) -> dict[str, dict[str, Any]]:
    """Return the schemes that the published year was grouped by."""
    one = board.grouper
    groupers = one.groupers if isinstance(one, VersionedGrouper) else (one,)
    own = [g.scheme for g in groupers]
    return {
        s.id: {**scheme_row({**s.manifest, "id": s.id}), "digest": s.digest, "published": True}
        for s in own
    }


async def schemes(request: Request) -> Response:
    """列出分组方案：施行期、是否草案、施行日期是否核实、已发布结果所用的是哪一个。"""
    board = request.app.state.service.desk.board
    rows = {**await run_in_threadpool(_bundled), **_published(board)}
    return kept_response(request, {"schemes": list(rows.values())})


async def versions(request: Request, id: _Id) -> Response:
    """列出一族方案的各版本；给出其中一个版本，也列出全族。"""
    rows = await run_in_threadpool(_versions, request.app.state.service.desk.board, id)
    return kept_response(request, {"schemes": rows})


def _versions(board: Board, name: str) -> list[dict[str, Any]]:
    known = {**_bundled(), **_published(board)}
    families = bundled_families()
    family = families.get(name) if name not in known else families.get(known[name]["family"] or "")
    if family is not None:
        return [known[version.id] for version in family.versions if version.id in known]
    if name not in known:
        raise no_scheme(name)
    return [known[name]]


async def groups(request: Request, id: _Id) -> Response:
    """列出一个方案的全部病组，连同已发布的基准点数。"""
    desk = request.app.state.service.desk

    def made() -> dict[str, Any]:
        scheme = grouper_of(desk, id).scheme
        return {"scheme": scheme.id, "drgs": list(groups_of(scheme, base_of(desk.board, scheme)))}

    return kept_response(request, await run_in_threadpool(made))


def base_of(board: Board, scheme: Scheme) -> dict[str, dict[str, Any]]:
    """Return the published rows of groups, none where the scheme is not the published one's."""
    return board.groups if scheme.digest in _digests(board) else {}


def _digests(board: Board) -> set[str]:
    one = board.grouper
    every = one.groupers if isinstance(one, VersionedGrouper) else (one,)
    return {g.scheme.digest for g in every}


def groups_of(scheme: Scheme, base: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the groups in order, each code once; an ambiguous group where it is evaluated."""
    seen = set()
    for mdc, adrgs in scheme.in_order():
        for adrg in adrgs:
            if adrg is None:
                _, code, name = scheme.ambiguous_group(mdc)
                rows = [(code, name, code, name)]
            else:
                drgs = scheme.drgs_of.get(adrg.key, ())
                rows = [(d.drg, d.name, adrg.adrg, adrg.name) for d in drgs]
            for drg, name, own, own_name in rows:
                if drg in seen:
                    continue
                seen.add(drg)
                points = base.get(drg, {}).get("base_points")
                yield {
                    "drg": drg, "name": name, "adrg": own, "adrg_name": own_name, "mdc": mdc.mdc,
                    "mdc_name": mdc.name, "base_points": None if points is None else str(points),
                }  # fmt: skip


async def group(
    request: Request,
    id: _Id,
    drg: _Drg,
    name: _List = None,
    offset: _Offset = 0,
    size: _ListSize = 50,
) -> Response:
    """查一个病组：进组的规则（文字）、列表、已发布的基准点数与费用离散程度。"""
    desk, lang = request.app.state.service.desk, lang_of(request.scope)
    sees_all = request.state.caller.role is not Role.HOSPITAL

    def made() -> dict[str, Any]:
        scheme = grouper_of(desk, id).scheme
        pages = Pages(scheme, lang, name, offset, size)
        found = pages.group(drg)
        base = base_of(desk.board, scheme).get(found["drg"])
        found["base"] = None if base is None else base_dict(desk.board, base, sees_all)
        return found

    return kept_response(request, await run_in_threadpool(made))


class Pages:
    """A scheme's groups in words, their lists a page at a time."""

    def __init__(self, scheme: Scheme, lang: str, only: str | None, offset: int, size: int) -> None:
        self.scheme, self.lang = scheme, lang
        self.only, self.offset, self.size = only, offset, size
        self.mdcs = {m.mdc: m for m in scheme.mdcs}

    def group(self, code: str) -> dict[str, Any]:
        """Return a group; raises Problem for one that the scheme does not have."""
        code = code.strip().upper()
        scheme = self.scheme
        rows = [d for d in scheme.drgs if d.drg == code]
        adrgs: dict[str, list[AdrgRow]] = defaultdict(list)
        for adrg in scheme.adrgs:
            adrgs[adrg.key].append(adrg)
        ways = [self._way(adrg, row) for row in rows for adrg in adrgs[row.adrg_key]]
        name = rows[0].name if rows else ""
        for mdc in scheme.mdcs:
            rule, own, own_name = scheme.ambiguous_group(mdc)
            if mdc.ambiguous != "no" and own == code and not rows:
                name = own_name
                ways.append(self._ambiguous(mdc, rule_in_words(rule, self.lang), own, own_name))
        if not ways:
            raise not_there(both(f"{scheme.id} 没有这个病组", f"{scheme.id} has no such group"))
        keys = {row.adrg_key for row in rows}
        others = {d.drg: d.name for d in scheme.drgs if d.adrg_key in keys and d.drg != code}
        return {
            "scheme": scheme.id, "digest": scheme.digest, "drg": code, "name": name, "ways": ways,
            "same_adrg": [{"code": drg, "name": own} for drg, own in others.items()],
        }  # fmt: skip

    def _way(self, adrg: AdrgRow, drg: DrgRow) -> dict[str, Any]:
        scheme, mdc = self.scheme, self.mdcs[adrg.mdc]
        rules = [(mdc.mdc, mdc.rule), (adrg.key, adrg.rule), (scheme.lists_of(drg), drg.rule)]
        told = scheme.named_conditions.get(adrg.key) or scheme.named_conditions.get(mdc.mdc)
        kind = ADRG_KINDS.get(adrg.kind, (adrg.kind, adrg.kind))
        return {
            "mdc": mdc.mdc, "mdc_name": mdc.name, "mdc_rule": self._said(mdc.rule),
            "adrg": adrg.adrg, "adrg_key": adrg.key, "adrg_name": adrg.name,
            "adrg_kind": choose(self.lang, *kind), "adrg_rule": self._said(adrg.rule),
            "drg_rule": self._said(drg.rule),
            "condition": None if told is None else in_language(told.told(), self.lang),
            "lists": list(self._lists(rules, mdc)),
        }  # fmt: skip

    def _ambiguous(self, mdc: MdcRow, rule: str, code: str, name: str) -> dict[str, Any]:
        return {
            "mdc": mdc.mdc, "mdc_name": mdc.name, "mdc_rule": self._said(mdc.rule), "adrg": code,
            "adrg_key": code, "adrg_name": name,
            "adrg_kind": choose(self.lang, *ADRG_KINDS["ambiguous"]), "adrg_rule": rule,
            "drg_rule": "", "condition": None, "lists": list(self._lists([(mdc.mdc, mdc.rule)], mdc)),
        }  # fmt: skip

    def _said(self, rule: str) -> str:
        try:
            return rule_in_words(parse_rule(rule), self.lang)
        except RuleSyntaxError:
            return rule

    def _lists(self, rules: Iterable[tuple[str, str]], mdc: MdcRow) -> Iterator[dict[str, Any]]:
        """Yield the lists that rules name; the valid procedures are none of a group's own."""
        asked: dict[tuple[str, str], None] = {}
        for owner, rule in rules:
            try:
                named = [m.list_name for m in members(parse_rule(rule)) if m.list_name]
            except RuleSyntaxError:
                continue
            asked |= {(owner, name): None for name in named if name != "valid_procedures"}
            if owner == mdc.mdc and "trauma_sites" in rule:
                asked |= {(owner, f"site_{i + 1}"): None for i in range(len(mdc.sites))}
        for owner, name in asked:
            if self.only in (None, name):
                yield self._list(owner, name)

    def _list(self, owner: str, name: str) -> dict[str, Any]:
        ids = list(dict.fromkeys(self.scheme.list_ids(owner, name).tolist()))
        kind = "procedure" if name.startswith("proc") else "diagnosis"
        words = self.scheme.procedures if kind == "procedure" else self.scheme.diagnoses
        return {
            "owner": owner, "name": name, "kind": kind, "count": len(ids), "offset": self.offset,
            "codes": [
                {"code": words.codes[i - 1].as_py(), "name": words.names[i - 1].as_py() or ""}
                for i in ids[self.offset : self.offset + self.size]
            ],
        }  # fmt: skip


def base_dict(board: Board, row: dict[str, Any], sees_all: bool) -> dict[str, Any]:
    """Return a published row of a group; sums of a few institutions to the agency alone."""
    assert board.year is not None

    def text(name: str) -> str | None:
        return None if row.get(name) is None else str(row[name])

    told = sees_all or board.hospitals_of.get(row["drg"], 0) >= FEWEST
    # of few cases, medians and spread would tell single ones; base points and mean are published
    of_cases = dict(row) if told else {}
    return {
        "run": board.year.id, "period": board.year.period,
        "base_points": None if row["base_points"] is None else points_text(int(row["base_points"] * 10_000)),
        "group_mean_fen": row["group_mean_fen"], "weight": text("weight"),
        "stable": bool(row["stable"]), "review": bool(row["review"]), "origin": row["origin"],
        "history_cases": of_cases.get("n_after"), "trimmed": of_cases.get("trimmed"),
        "cv_before": of_cases.get("cv_before"), "cv_after": of_cases.get("cv_after"),
        "median_before_fen": text("median_before_fen") if told else None,
        "median_after_fen": text("median_after_fen") if told else None,
        "cases": of_cases.get("cases"), "total_cost_fen": of_cases.get("total_cost_fen"),
    }  # fmt: skip


def kept_by_client(model: type[BaseModel]) -> dict[str, Any]:
    """Return what FastAPI is told of an answer that may be kept."""
    return {
        "response_model": model,
        "responses": {304: {"description": "没有变化（If-None-Match）"}},
    }


ROWS = (
    Row(method="GET", path="/v1/codes", call=codes, roles=READERS, told=kept_by_client(CodesOut)),
    Row(method="GET", path="/v1/schemes", call=schemes, roles=READERS, told=kept_by_client(SchemesOut)),
    Row(
        method="GET", path="/v1/schemes/{id}/versions", call=versions, roles=READERS,
        told=kept_by_client(SchemesOut),
    ),
    Row(
        method="GET", path="/v1/schemes/{id}/drgs", call=groups, roles=READERS,
        told=kept_by_client(GroupsOut),
    ),
    Row(
        method="GET", path="/v1/schemes/{id}/drgs/{drg}", call=group, roles=READERS,
        told=kept_by_client(GroupOut),
    ),
)  # fmt: skip
