"""The client's types are those of the service; examples and the assistants' tools run."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from drgpay import Grouper, __version__
from drgpay import client as own
from drgpay.cli.mcp import make_server
from drgpay.service import lookup, preview
from drgpay.service.roles import Role
from tests.service.conftest import HOSPITAL, SCHEME, Served

EXAMPLES = Path(__file__).parents[2] / "examples"
PAIRS = [
    (own.Preview, preview.PreviewOut), (own.Code, preview.CodeOut), (own.Named, preview.Named),
    (own.PointValue, preview.PointValueOut), (own.Note, preview.Note),
    (own.CodeFound, lookup.CodeFound),
]  # fmt: skip


@pytest.mark.parametrize(("mine", "model"), PAIRS)
def test_types__are_those_of_the_service(mine: Any, model: Any) -> None:
    assert set(mine.__annotations__) == set(model.model_fields)
    for name in mine.__required_keys__:
        kind, told = str(mine.__annotations__[name]), model.model_fields[name]
        optional = type(None) in getattr(told.annotation, "__args__", ())
        assert ("None" in kind) == optional, name


def test_client__asks_everything(served: Served) -> None:
    drg = own.Client("", served.keys["hospital"], http=served.client)  # type: ignore[index]
    case = {"sex": "M", "age_years": 61, "diagnoses": ["K22.301"]}
    assert drg.me()["hospital_id"] == HOSPITAL
    assert drg.preview(case)["status"]["code"]
    assert len(drg.compare(case, [{"diagnoses": ["E11.900"]}])) == 2
    made = drg.save(case, [{"diagnoses": ["E11.900"]}], title="待定")
    assert drg.saved(made["id"]) == made and len(made["codings"]) == 2
    assert drg.codes("K22")[0]["code"].startswith("K22")
    assert drg.schemes()
    run = drg.runs()[-1]["id"]
    assert drg.hospital(run, HOSPITAL)["rows"]
    assert drg.why(run, hospital=HOSPITAL)["agrees"]
    message = json.loads((EXAMPLES / "4101.json").read_text(encoding="utf-8"))
    assert drg.message(message)["infcode"] == -1  # of another hospital
    with pytest.raises(own.Fault) as fault:
        drg.preview({**case, "sex": "?"})
    assert (fault.value.status, fault.value.errors[0]["field"]) == (422, "sex")


@pytest.fixture
def address(served: Served) -> Iterator[str]:
    """The service on a port of its own."""
    config = uvicorn.Config(served.client.app, port=0, lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < until
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(30)


@pytest.mark.parametrize("who", [Role.HOSPITAL, "other"])
def test_examples__run_as_they_stand_for_any_hospital(
    who: Role | str, served: Served, address: str
) -> None:
    key = served.headers(who)["Authorization"].removeprefix("Bearer ")
    env = {**os.environ, "DRGPAY_URL": address, "DRGPAY_KEY": key}
    done = subprocess.run(
        [sys.executable, EXAMPLES / "client.py"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "points" in done.stdout and "as coded" in done.stdout
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    done = subprocess.run(
        ["sh", EXAMPLES / "preview.sh"], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["infcode"] == 0


def test_mcp__has_five_tools_that_answer(ex1_run: Path, served: Served) -> None:
    server = make_server(SCHEME, ex1_run)

    def called(tool: str, **asked: Any) -> str:
        return str(asyncio.run(server.call_tool(tool, asked)))

    tools = {tool.name for tool in asyncio.run(server.list_tools())}
    assert tools == {"group", "explain", "compare", "search_codes", "why"}
    case: dict[str, Any] = {"sex": "M", "age_years": 60, "diagnoses": ["K22.301"]}
    own = served.client.post("/v1/preview", json=case, headers=served.headers("agency")).json()
    assert own["drg"]["code"] in called("group", **case)
    assert own["drg"]["code"] in called("explain", **case)
    codings = [[["K22.301"], []], [["E11.900"]]]
    assert called("compare", sex="M", age_years=60, codings=codings).count("ex1-tiny") >= 2
    assert "I63.900" in called("search_codes", asked="ngs", limit=3)
    assert "C01" in called("why", subject="case", name="C01")


def test_mcp__as_a_process_answers_a_client_and_tells_what_is_wrong(
    ex1_run: Path, tmp_path: Path
) -> None:
    asked = StdioServerParameters(
        command=sys.executable,
        args=["-m", "drgpay", "mcp", "--scheme", SCHEME, "--run", str(ex1_run)],
        env=dict(os.environ),
    )
    case = {"sex": "M", "age_years": 60, "diagnoses": ["K22.301", "E11.900"]}

    async def spoken(errors: Any) -> None:
        async with Client(stdio_client(asked, errlog=errors)) as client:
            assert client.server_info.version == __version__
            assert len((await client.list_tools()).tools) == 5
            told = await client.call_tool("group", case)
            assert not told.is_error
            made = Grouper(SCHEME).group_case(**case)
            assert told.structured_content == {**asdict(made), "scheme": "ex1-tiny"}
            for tool, wrong, words in (
                ("group", {**case, "sex": "X"}, "病例"),
                ("group", {**case, "discharge_date": "31.3.2025"}, "2025-03-31"),
                ("why", {"subject": "case", "name": "没有这一例"}, "没有"),
            ):
                refused = await client.call_tool(tool, wrong)
                assert refused.is_error and words in str(refused.content)

    with open(tmp_path / "errors", "w+", encoding="utf-8") as errors:
        asyncio.run(asyncio.wait_for(spoken(errors), 120))
        errors.seek(0)
        assert "Traceback" not in errors.read()
