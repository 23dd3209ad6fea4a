"""The server: slow, greedy and crafty clients over bare sockets, and an end that cuts nobody off."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
import uvicorn
from starlette.types import Receive, Scope, Send

from drgpay.ground.errors import InputError
from drgpay.service.app import make_app, rows
from drgpay.service.outer import HEADERS
from drgpay.service.rates import Rates
from drgpay.service.server import LONGEST_HEAD, LONGEST_URL, MOST_HEADERS, Patient, bound, config_of
from drgpay.service.settings import Settings
from drgpay.service.store import AUDIT
from tests.service.conftest import Served, serving

CASE = json.dumps({"sex": "M", "age_years": 60, "diagnoses": ["I63.900"]}).encode()


class Hurried(Patient):
    """The server's protocol with short patience."""

    head_seconds, rest_seconds, take_seconds = 0.6, 0.3, 0.6
    most_connections = 80


@dataclass
class Running:
    """A server on a port of this machine."""

    port: int
    served: Served
    server: uvicorn.Server
    thread: threading.Thread

    def send(self, data: bytes, *, close: bool = False, wait: float = 10.0) -> bytes:
        """Return all that comes back until the server closes or `wait` seconds are over."""
        with self.open(data) as door:
            door.settimeout(wait)
            if close:
                door.shutdown(socket.SHUT_WR)
            return read_all(door)

    def open(self, data: bytes = b"") -> socket.socket:
        door = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        door.sendall(data)
        return door

    def request(self, path: str, method: str = "GET", *lines: str, body: bytes = b"") -> bytes:
        """Return a request as it stands on the wire, with the agency's key."""
        key = self.served.headers("agency")["Authorization"]
        head = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: {key}", *lines]
        if body:
            head.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + body

    def preview(self, *lines: str) -> bytes:
        return self.request("/v1/preview", "POST", "Connection: close", *lines, body=CASE)


def read_all(door: socket.socket) -> bytes:
    found = b""
    try:
        while part := door.recv(65_536):
            found += part
    except (TimeoutError, ConnectionError):
        pass
    return found


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


@contextmanager
def run(app: Any, served: Served) -> Iterator[Running]:
    door = bound("127.0.0.1", 0)
    config = config_of(app, Settings(data=served.service.settings.data), lifespan="off")
    config.http = Hurried
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
    thread.start()
    until = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < until and thread.is_alive()
        time.sleep(0.01)
    try:
        yield Running(door.getsockname()[1], served, server, thread)
    finally:
        server.should_exit = True
        thread.join(60)
        door.close()
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def running(served: Served) -> Iterator[Running]:
    with run(make_app(served.service), served) as found:
        yield found


# --- slow ones --------------------------------------------------------------------------------


@pytest.mark.parametrize("begun", [b"", b"GET", b"GET / HTTP/1.1\r\nHost: x\r\nA: "])
def test_head__that_does_not_come_is_not_waited_for(begun: bytes, running: Running) -> None:
    started = time.monotonic()
    with running.open(begun) as door:
        answer = read_all(door)
    assert answer == b"" and time.monotonic() - started < 8


def test_head__that_trickles_is_not_waited_for(running: Running) -> None:
    with running.open() as door, pytest.raises(ConnectionError):
        for letter in b"GET /healthz HTTP/1.1\r\n" * 100:
            door.send(bytes([letter]))
            time.sleep(0.02)


def test_head__that_trickles_behind_an_answer_is_not_waited_for(running: Running) -> None:
    with running.open(running.request("/healthz")) as door, pytest.raises(ConnectionError):
        assert status(door.recv(65_536)) == 200
        for letter in b"GET /healthz HTTP/1.1\r\n" * 100:
            door.send(bytes([letter]))
            time.sleep(0.02)


def test_body__that_nobody_reads_does_not_hold_the_connection(running: Running) -> None:
    head = b"POST /v1/preview HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    with running.open(head) as door:
        assert status(door.recv(65_536)) == 401
        with pytest.raises(ConnectionError):
            for _ in range(400):
                door.send(b"x")
                time.sleep(0.02)


def test_body__that_does_not_come_is_refused_in_time(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = next(row for row in rows() if row.name == "POST /v1/preview")
    monkeypatch.setitem(vars(row), "seconds", 0.3)
    answer = running.send(running.request("/v1/preview", "POST", "Content-Length: 50") + b"{")
    assert status(answer) == 408 and b"connection: close" in answer


def test_answer__that_nobody_takes_is_dropped(served: Served) -> None:
    ended = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
                message = asyncio.ensure_future(receive())
                done, _ = await asyncio.wait([message], timeout=0)
                message.cancel()
                if done and message.result()["type"] == "http.disconnect":
                    return
        finally:
            ended.set()

    with run(app, served) as other, other.open(other.request("/")):
        assert ended.wait(20), "the server sends for ever"


def test_slow_senders__do_not_hinder_a_fast_one(running: Running) -> None:
    slow = [
        running.open(running.request("/v1/preview", "POST", "Content-Length: 99"))
        for _ in range(50)
    ]
    try:
        for _ in range(20):
            for door in slow:
                door.send(b" ")
            assert status(running.send(running.preview())) == 200
    finally:
        for door in slow:
            door.close()


def test_connections__beyond_the_most_are_dropped(running: Running) -> None:
    doors = [running.open() for _ in range(100)]
    try:
        time.sleep(0.2)
        for door in doors:
            door.settimeout(0.001)
        gone = 0
        for door in doors:
            try:
                gone += door.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                gone += 1
        assert 15 <= gone <= 40
    finally:
        for door in doors:
            door.close()
    until = time.monotonic() + 10
    while status(running.send(running.preview())) != 200:
        assert time.monotonic() < until
        time.sleep(0.05)


# --- greedy ones ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"GET /" + b"a" * (LONGEST_URL + 10) + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * (LONGEST_HEAD + 10) + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 2 * LONGEST_HEAD, 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * (MOST_HEADERS + 1) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A" * 2 * LONGEST_HEAD, 431),
    ],
    ids=["address", "header", "endless header", "many", "name"],
)
def test_head__that_is_too_large_is_refused(data: bytes, told: int, running: Running) -> None:
    answer = b""
    with running.open() as door:
        door.settimeout(0.05)
        for at in range(0, len(data), 10_000):
            door.sendall(data[at : at + 10_000])
            with suppress(TimeoutError):
                answer = door.recv(65_536)
            if answer:
                break
        door.settimeout(5)
        answer += read_all(door)
    assert status(answer) == told and b"connection: close" in answer


def test_head__of_usual_size_is_taken(running: Running) -> None:
    lines = [f"X-{n}: {'a' * 200}" for n in range(MOST_HEADERS - 10)]
    data = running.preview(*lines)
    assert status(running.send(data)) == 200
    with running.open() as door:
        for at in range(0, len(data), 1_000):
            door.sendall(data[at : at + 1_000])
            time.sleep(0.002)
        assert status(read_all(door)) == 200


def test_address__just_short_enough_is_answered(running: Running) -> None:
    path = "/" + "a" * (LONGEST_URL - 10)
    assert status(running.send(running.request(path, "GET", "Connection: close"))) == 404


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "gzip, identity", "x"])
def test_body__that_is_packed_is_refused(coding: str, running: Running) -> None:
    assert status(running.send(running.preview(f"Content-Encoding: {coding}"))) == 415


def test_body__beyond_its_limit_is_refused_declared_or_not(running: Running) -> None:
    head = ("/v1/preview", "POST", "Connection: close")
    large = running.send(running.request(*head, "Content-Length: 99999999"), wait=5)
    assert status(large) == 413
    part = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    data = running.request(*head, "Transfer-Encoding: chunked") + part * 5 + b"0\r\n\r\n"
    assert status(running.send(data)) == 413


# --- crafty ones ------------------------------------------------------------------------------

POST = b"POST /v1/preview HTTP/1.1\r\nHost: x\r\n"
SECOND = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SECOND,
        POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n" + SECOND,
        POST + b"Content-Length: +5\r\n\r\n" + SECOND,
        POST + b"Content-Length: 0x5\r\n\r\n" + SECOND,
        POST + b"Content-Length: -1\r\n\r\n" + SECOND,
        POST + b"Content-Length: 99999999999999999999\r\n\r\n" + SECOND,
        POST + b"Content-Length : 5\r\n\r\n" + SECOND,
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SECOND,
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SECOND,
        POST + b"Transfer-Encoding\x0b: chunked\r\n\r\n0\r\n\r\n" + SECOND,
        POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + SECOND,
        POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n" + SECOND,
        POST + b"X: a\r\n  folded\r\n\x00: b\r\n\r\n" + SECOND,
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\rA: b\n\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET \xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"G\xc3\x84T / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=range(24),
)
def test_request__that_reads_in_two_ways_is_refused_once(data: bytes, running: Running) -> None:
    answer = running.send(data, close=True)
    assert answer.count(b"HTTP/1.1 ") <= 1, answer
    assert status(answer) in (0, 400, 401), answer
    assert b'"status":"ok"' not in answer


def test_requests__in_a_row_are_answered_in_their_order(running: Running) -> None:
    data = (
        running.request("/v1/me")
        + running.request("/nothing")
        + running.request("/healthz", "GET", "Connection: close")
    )
    found = re.findall(rb"HTTP/1\.1 (\d+)", running.send(data))
    assert found == [b"200", b"404", b"200"]


OWN = {"sex": "F", "age_years": 40, "hospital_id": "H1", "pool": "310", "total_cost": "90.00"}


def parted(answer: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Return status line, headers and body of an answer, without what is of one request alone."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    alone = (b"x-request-id", b"connection", b"content-length")
    kept = [line for line in lines if line.partition(b":")[0] not in alone]
    return first, sorted(kept), re.sub(rb'"request_id":"[^"]*"', b"", body)


@pytest.mark.parametrize("query", ["", "?explain=true", "?lang=en&explain=1", "?explain=x"])
@pytest.mark.parametrize(
    "body",
    [
        CASE,
        json.dumps({**OWN, "diagnoses": ["I63.900", "Q99.99"], "procedures": ["00.45"]}).encode(),
        json.dumps({**OWN, "diagnoses": ["  "]}).encode(),
        b'{"sex": "M", "age_years": 60, "diagnoses": [], "x": 1}',
        b'{"infno": "4101", "input": {}}',
        b"{",
    ],
    ids=range(6),
)
@pytest.mark.parametrize("role", ["agency", "other", "keys", None])
def test_preview__that_came_whole_is_answered_as_one_that_did_not(
    role: str | None, body: bytes, query: str, running: Running
) -> None:
    own = running.served.headers(role).get("Authorization")
    lines = ["Host: x", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"Authorization: {own}"] if own else []
    head = f"POST /v1/preview{query} HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n"
    whole = running.send(head.encode() + body)
    with running.open(head.encode() + body[:1]) as door:
        time.sleep(0.05)  # else both parts may be read as one
        door.sendall(body[1:])
        found = read_all(door)
    assert parted(whole)[:2] == parted(found)[:2]
    if b"4101" not in body:  # the national interface has the time in its answer
        assert parted(whole)[2] == parted(found)[2]


def test_preview__that_came_whole_goes_by_no_task(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[str] = []
    monkeypatch.setattr(Hurried, "_start_asgi_task", lambda *_: began.append("task"))
    usage, audit = running.served.service.usage, running.served.service.audit
    before = usage.times["POST", "/v1/preview", 200]
    answer = running.send(running.preview())
    assert status(answer) == 200 and answer.endswith(b"}") and not began
    assert usage.times["POST", "/v1/preview", 200] == before + 1
    audit.flush()
    note = running.served.service.store.rows(sa.select(AUDIT).order_by(AUDIT.c.number.desc()))[0]
    assert (note["action"], note["status"], note["role"]) == ("preview", 200, "agency")


def test_previews__sent_together_are_answered_in_their_order(running: Running) -> None:
    data = b"".join(running.request(f"/v1/preview?lang={w}", "POST", body=CASE) for w in "zy")
    data += running.request("/nothing") + running.preview()
    assert re.findall(rb"HTTP/1\.1 (\d+)", running.send(data)) == [b"200", b"200", b"404", b"200"]


def test_rubbish__behind_a_request_does_not_stand_in_its_answer(running: Running) -> None:
    answer = running.send(running.request("/v1/me") + b"\x00\x01rubbish\r\n\r\n")
    assert status(answer) == 200 and answer.count(b"HTTP/1.1") <= 2


@pytest.mark.parametrize(
    "path",
    [
        "/static/../secret.key", "/static/..%2f..%2fsecret.key", "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/..%5c..%5csecret.key",
        "/static/%00", "/static/%ff%fe", "/%ff", "//healthz", "/healthz/", "/./healthz", "/%2e/healthz",
        "/static/app.css%00.svg", "/v1/schemes/%ff/versions", "/v1/schemes/..%2f..%2f/versions",
        "/v1/codes?q=%ff%fe", "/v1/codes?q=%00", "/?lang=%ff", "*", "http://x/healthz%2f",
    ],
)  # fmt: skip
def test_path__that_is_crafty_finds_nothing(path: str, running: Running) -> None:
    answer = running.send(running.request(path, "GET", "Connection: close"))
    assert status(answer) in (200, 400, 404, 422), answer[:300]
    if status(answer) == 200:
        assert path.startswith(("/v1/codes", "/?"))
    assert b"root:" not in answer and b"Traceback" not in answer


def test_headers__that_are_no_text_do_no_harm(running: Running) -> None:
    lines = [
        "X-Request-Id: \xff\r",
        "Cookie: drgpay_session=\xff\xfe; drgpay_lang=\xff",
        "Accept: \xff",
    ]
    lines = [line.strip() for line in lines]
    answer = running.send(running.request("/v1/me", "GET", "Connection: close", *lines))
    assert status(answer) == 200
    split = running.request("/v1/me", "GET", "Connection: close", "X-Request-Id: a b<script>")
    assert b"<script>" not in running.send(split)


# --- every kind of answer ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_line", "told"),
    [
        ("GET /healthz", 200), ("GET /", 303), ("GET /login", 200), ("GET /nothing", 404),
        ("DELETE /healthz", 405), ("OPTIONS /v1/preview", 405), ("TRACE /", 405), ("GET /v1/me", 401),
        ("BREW /", 400), ("HEAD /healthz", 200), ("HEAD /nothing", 404), ("HEAD /v1/preview", 405),
    ],
)  # fmt: skip
def test_answer__of_every_kind_has_its_headers(
    request_line: str, told: int, running: Running
) -> None:
    answer = running.send(
        f"{request_line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    assert status(answer) == told
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = [line.partition(": ") for line in head.decode().lower().split("\r\n")[1:]]
    found = {name: value for name, _, value in lines}
    assert len(found) == len(lines), "a header stands twice"
    for name, value in HEADERS.items():
        assert found[name.lower()] == value.lower(), name
    assert found["cache-control"] == "no-store" and "server" not in found
    assert told != 405 or found["allow"]
    assert not (request_line.startswith("HEAD") and body)


def test_fault__of_our_own_shows_nothing_and_logs_no_value(
    tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with serving(tmp_path_factory.mktemp("fault")) as served:

        def broken(*_: Any, **__: Any) -> None:
            raise KeyError("I63.900 of 张三")

        monkeypatch.setattr(served.service.desk, "preview", broken)
        answer = served.client.post("/v1/preview", content=CASE, headers=served.headers("agency"))
        assert answer.status_code == 500 and "I63" not in answer.text and "张三" not in answer.text
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
        told = answer.json()
        assert told["request_id"] in caplog.text and "KeyError" in caplog.text
        assert "I63" not in caplog.text and "张三" not in caplog.text


def test_rate__beyond_its_limit_says_when_to_come_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    few = (("usual", "3/minute"), ("preview", "2/minute"))
    with serving(tmp_path_factory.mktemp("rates"), rates=few) as served:
        agency, auditor = served.headers("agency"), served.headers("auditor")
        found = [served.client.get("/v1/me", headers=agency) for _ in range(5)]
        assert [a.status_code for a in found] == [200, 200, 200, 429, 429]
        assert 1 <= int(found[-1].headers["retry-after"]) <= 60
        assert found[-1].json()["type"].endswith("too_often")
        assert served.client.get("/v1/me", headers=auditor).status_code == 200
        posts = [served.client.post("/v1/preview", content=CASE, headers=agency) for _ in range(3)]
        assert [a.status_code for a in posts] == [200, 200, 429]


@pytest.mark.parametrize(
    "text", ["usual", "usual=", "unusual=3/minute", "usual=many", "usual=0/minute"]
)
def test_rate__that_is_none_is_refused(text: str) -> None:
    name, _, limit = text.partition("=")
    with pytest.raises(InputError):
        Rates([(name, limit)])


def test_metrics__are_in_the_form_that_prometheus_reads(running: Running) -> None:
    running.send(running.preview())
    answer = running.send(running.request("/metrics", "GET", "Connection: close"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"text/plain; version=0.0.4" in head
    text = body.decode()
    if "chunked" in head.decode().lower():
        text = "".join(text.split("\r\n")[1::2])
    assert text.endswith("\n")
    kinds: dict[str, str] = {}
    sample = re.compile(r'([a-z_]+)(\{[a-z]+="[^"\\\n]*"(,[a-z]+="[^"\\\n]*")*\})? (\S+)')
    seen: set[str] = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds
            kinds[name] = kind
            continue
        if line.startswith("# HELP "):
            continue
        found = sample.fullmatch(line)
        assert found, line
        float(found[4])
        key = f"{found[1]}{found[2]}"
        assert key not in seen, "a series stands twice"
        seen.add(key)
        family = re.sub("_(bucket|sum|count)$", "", found[1])
        assert found[1] in kinds or kinds[family] == "histogram"
    counts = [int(n) for n in re.findall(r'_bucket\{route="/v1/preview",le="[^"]*"\} (\d+)', text)]
    assert counts == sorted(counts) and counts[-1] > 0
    assert f'_count{{route="/v1/preview"}} {counts[-1]}' in text


# --- the end ----------------------------------------------------------------------------------


def test_end__lets_running_answers_finish_and_takes_no_more(served: Served) -> None:
    go = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(go.wait, 30)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    with run(app, served) as other, other.open() as idle, other.open(other.request("/")) as door:
        time.sleep(0.2)
        other.server.should_exit = True
        assert read_all(idle) == b"", "who asks nothing is let go"
        with pytest.raises(OSError):
            for _ in range(100):
                other.open().close()
                time.sleep(0.02)
        go.set()
        answer = read_all(door)
        assert status(answer) == 200 and b"done" in answer and b"connection: close" in answer


def test_port__that_is_taken_is_told() -> None:
    with bound("127.0.0.1", 0) as door:
        door.listen()
        with pytest.raises(InputError, match="cannot listen"):
            bound("127.0.0.1", door.getsockname()[1])
    with pytest.raises(InputError):
        bound("no.such.host.invalid", 1)
