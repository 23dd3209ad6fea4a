"""`/v1/openapi.json` and `/docs`: the API as it describes itself, and read as a page of our own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from drgpay.ground.errors import in_language
from drgpay.service.answers import kept_response
from drgpay.service.pages.shell import page
from drgpay.service.problems import TYPE, lang_of
from drgpay.service.roles import EVERYONE, WORDS, Role
from drgpay.service.rows import Row

PROBLEM = {"$ref": "#/components/schemas/ProblemOut"}
KEY = "key"
LIST = {
    "infno": "4101", "msgid": "H33010000002202406150000000001", "mdtrtarea_admvs": "330100",
    "input": {
        "setlinfo": {
            "setl_id": "S0000007", "gend": "2", "age": 64, "hi_type": "2", "act_ipt_days": 6,
            "adm_time": "2024-06-09 08:30:00", "dscg_time": "2024-06-15 10:00:00", "dscg_way": "1",
            "acct_pay": "1000.00", "psn_cashpay": "2249.38",
        },
        "payinfo": [{"fund_pay_type": "390100", "fund_payamt": "4874.07"}],
        "diseinfo": [{"diag_type": "1", "diag_code": "I63.900", "maindiag_flag": "1"}],
        "oprninfo": [], "icuinfo": [],
        "iteminfo": [{"med_chrgitm": "09", "amt": "8123.45"}],
    },
}  # fmt: skip
NATIONAL_IN: dict[str, Any] = {
    "type": "object",
    "title": "NationalIn",
    "description": "国家接口的报文：一份结算清单（4101、4101A、4103），字段见 docs/lists.md；也可只发 input",
    "required": ["infno", "input"],
    "properties": {
        "infno": {"type": "string", "enum": ["4101", "4101A", "4103"]},
        "msgid": {"type": "string"},
        "mdtrtarea_admvs": {"type": "string"},
        "input": {"type": "object"},
    },
}
NATIONAL_OUT: dict[str, Any] = {
    "type": "object",
    "title": "NationalOut",
    "description": "对国家接口报文的应答；infcode 0 成功，-1 有误（err_msg 写明字段和改法）",
    "required": ["infcode", "err_msg", "inf_refmsgid", "refmsg_time", "respond_time"],
    "properties": {
        "infcode": {"type": "integer", "enum": [0, -1]},
        "err_msg": {"type": "string", "maxLength": 200},
        "inf_refmsgid": {"type": "string"},
        "refmsg_time": {"type": "string", "description": "yyyyMMddHHmmssSSS"},
        "respond_time": {"type": "string"},
        "output": {"$ref": "#/components/schemas/PreviewOut"},
    },
}


def described(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI of an app, made once: faults as problems, keys, roles, messages."""
    made: dict[str, Any] | None = getattr(app.state, "described", None)
    if made is not None:
        return made
    made = json.loads(json.dumps(app.openapi()))
    schemas = made["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas |= {"NationalIn": NATIONAL_IN, "NationalOut": NATIONAL_OUT}
    made["components"]["securitySchemes"] = {
        KEY: {"type": "http", "scheme": "bearer", "description": "密钥，由密钥管理员发放"}
    }
    rows: Mapping[tuple[str, str], Row] = app.state.rows
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            _amend(operation, rows[method.upper(), path])
    _with_messages(made["paths"]["/v1/preview"]["post"])
    app.state.described = made
    return made


def _amend(operation: dict[str, Any], row: Row) -> None:
    answers = operation["responses"]
    if operation.get("parameters") or row.body:
        answers.setdefault("422", {"description": "字段有误"})
    answers.setdefault("503", {"description": "服务暂时不能应答"})
    for status, answer in answers.items():
        if status.isdigit() and int(status) >= 400 and row.path != "/readyz":
            answer["content"] = {TYPE: {"schema": PROBLEM}}
            answer.setdefault("description", "")
    if row.roles is not None:
        operation["security"] = [{KEY: []}]
        operation["x-roles"] = sorted(str(role) for role in row.roles)


def _with_messages(operation: dict[str, Any]) -> None:
    """Add the national interface's messages to what a preview takes and gives."""
    taken = operation["requestBody"]["content"]["application/json"]
    own = taken["schema"]
    taken["schema"] = {"anyOf": [own, {"$ref": "#/components/schemas/NationalIn"}]}
    taken["examples"] = {"national": {"summary": "国家接口 4101", "value": LIST}}
    given = operation["responses"]["200"]["content"]["application/json"]
    given["schema"] = {"anyOf": [given["schema"], {"$ref": "#/components/schemas/NationalOut"}]}


def examples(made: dict[str, Any]) -> Iterator[tuple[str, str, str, Any]]:
    """Yield every example of a body: method, path, name, value."""
    schemas = made["components"]["schemas"]
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for name, told in body.get("examples", {}).items():
                yield method, path, name, told["value"]
            for schema in (body.get("schema", {}), *body.get("schema", {}).get("anyOf", ())):
                model = schemas.get(schema.get("$ref", "").rpartition("/")[2], {})
                for number, value in enumerate(model.get("examples", ()), 1):
                    yield method, path, f"{model.get('title')} {number}", value


async def openapi(request: Request) -> Response:
    """本API的OpenAPI描述。"""
    return kept_response(request, described(request.app))


async def docs(request: Request) -> Response:
    """本API的说明页：由OpenAPI生成，不从别处加载任何内容。"""
    made = described(request.app)
    return page(request, "docs.html.j2", operations=list(_operations(made, lang_of(request.scope))))


def _operations(made: dict[str, Any], lang: str) -> Iterator[dict[str, Any]]:
    """Yield what the page shows of each route."""
    schemas = made["components"]["schemas"]
    told: dict[tuple[str, str], list[dict[str, str]]] = {}
    for method, path, name, value in examples(made):
        text = json.dumps(value, ensure_ascii=False, indent=1)
        told.setdefault((method, path), []).append({"name": name, "text": text})
    for path, methods in sorted(made["paths"].items()):
        for method, operation in methods.items():
            given = operation["responses"].get("200", {}).get("content", {})
            schema = given.get("application/json", {}).get("schema", {})
            roles = [in_language(WORDS[Role(r)], lang) for r in operation.get("x-roles", ())]
            yield {
                "id": operation["operationId"],
                "method": method.upper(),
                "path": path,
                "text": operation.get("description", ""),
                "roles": roles,
                "parameters": [
                    {"name": p["name"], "kind": _kind(p.get("schema", {})), "in": p["in"],
                     "required": p.get("required", False), "text": p.get("description", "")}
                    for p in operation.get("parameters", ())
                ],
                "taken": list(_fields(operation.get("requestBody", {}).get("content", {})
                                      .get("application/json", {}).get("schema", {}), schemas)),
                "given": list(_fields(schema, schemas)),
                "examples": told.get((method, path), []),
                "statuses": sorted(operation["responses"]),
            }  # fmt: skip


def _fields(schema: dict[str, Any], schemas: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the fields of a model, one level deep."""
    first = schema.get("anyOf", [schema])[0]
    model = schemas.get(first.get("$ref", "").rpartition("/")[2], {})
    required = model.get("required", ())
    for name, field in model.get("properties", {}).items():
        text = field.get("description", "")
        yield {"name": name, "kind": _kind(field), "text": text, "required": name in required}


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_kind(one) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"[{_kind(schema.get('items', {}))}]"
    return str(schema.get("format") or schema.get("type") or "")


ROWS = (
    Row(
        method="GET", path="/v1/openapi.json", call=openapi, roles=EVERYONE,
        told={"response_model": dict[str, Any]},
    ),
    Row(method="GET", path="/docs", call=docs, roles=EVERYONE, page=True),
)  # fmt: skip
