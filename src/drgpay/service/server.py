"""The server under the app: uvicorn, with deadlines and limits that it lacks.

uvicorn waits for ever for the head of a request, for the rest of a body that nobody reads, and for
a client that does not take its answer. Here each of these has its time, heads have their size, and
a request that two servers could read in two ways is refused.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from drgpay.ground.errors import Bilingual, InputError, both, in_language
from drgpay.service.app import App, make_app
from drgpay.service.outer import HEADERS
from drgpay.service.problems import TYPE
from drgpay.service.service import Service
from drgpay.service.settings import Settings
from drgpay.service.shortcut import Shortcut

LONGEST_URL = 8 * 1024
LONGEST_HEAD = 32 * 1024
MOST_HEADERS = 100
MOST_CONNECTIONS = 4_000  # of one process
HEAD_SECONDS = 10.0  # from the first byte, or from the connection, to the end of the head
IDLE_SECONDS = 30  # between two requests
REST_SECONDS = 2.0  # for the rest of a body that nobody reads
TAKE_SECONDS = 60.0  # in which a client takes something of its answer
STOP_SECONDS = 30  # in which running answers finish at the end
WORKER_SECONDS = 120  # in which a worker compiles what it needs

REFUSALS: dict[int, tuple[str, Bilingual]] = {
    400: ("no_request", both("不是有效的HTTP请求", "not a valid HTTP request")),
    414: ("long_address", both("地址过长", "the address is too long")),
    431: ("long_head", both("请求头过大或过多", "too many headers, or too large ones")),
}


class Refused(Exception):
    """A head that is not read further."""


class Patient(HttpToolsProtocol):
    """uvicorn's protocol, but nothing waits for ever.

    The seconds stand on the class, so that tests need not wait as long.
    """

    head_seconds, rest_seconds, take_seconds = HEAD_SECONDS, REST_SECONDS, TAKE_SECONDS
    most_connections = MOST_CONNECTIONS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._head_size = self._head_bytes = self._hosts = 0
        self._in_head, self._whole = False, True
        self._refusal = 400
        self._held: tuple[Shortcut, list[bytes]] | None = None
        self._at_once, self._shortcuts = True, shortcuts_of(self.app)
        if len(self.connections) > self.most_connections:
            transport.abort()
            return
        self._until("head", self.head_seconds, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read; a head that has begun must end in time, and within its size."""
        if self.transport.is_closing():
            return
        before = self._in_head
        self._at_once = True
        super().data_received(data)
        if self._held is not None and not self.transport.is_closing():
            self._begin()  # its body has not come whole
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data) if before else 0  # also of a header that does not end
            if self._head_bytes > LONGEST_HEAD:
                self._refusal = 431
                self.send_400_response("")
            elif "head" not in self._timers:
                self._until("head", self.head_seconds, self.transport.close)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._in_head, self._whole = True, False
        self._head_size = self._head_bytes = self._hosts = 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        super().on_url(url)
        if len(self.url) > LONGEST_URL:
            self._refusal = 414
            raise Refused

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        super().on_header(name, value)
        self._head_size += len(name) + len(value)
        if self._head_size > LONGEST_HEAD or len(self.headers) > MOST_HEADERS:
            self._refusal = 431
            raise Refused
        if self.headers[-1][0] == b"host":
            self._hosts += 1

    def on_headers_complete(self) -> None:
        """Let the app answer; fail for a request that does not say for whom it is."""
        if self._hosts > 1 or (not self._hosts and self.parser.get_http_version() == "1.1"):
            raise Refused
        self._in_head = False
        self._end("head")
        shortcut = self._shortcut()
        if shortcut is None:
            super().on_headers_complete()
            return
        self._held = shortcut, []

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if self._held is None:
            super().on_body(body)
        else:
            self._held[1].append(body)

    def on_message_complete(self) -> None:
        """Note that the body has come; answer what came whole and can be answered at once."""
        self._whole = True
        self._end("rest")
        if self._held is not None:
            if self._answered(*self._held):
                return
            self._begin()
        super().on_message_complete()

    def _shortcut(self) -> Shortcut | None:
        """Return what may answer this request at once, if it comes whole."""
        if not self._at_once or self.expect_100_continue or self.flow.write_paused:
            return None
        if self.cycle is not None and not self.cycle.response_complete:
            return None  # it has its turn behind what is being answered
        path, _, query = self.url.partition(b"?")
        key = self.parser.get_method().decode("ascii"), path.decode("latin-1")
        found = self._shortcuts.get(key)
        if found is None or b"#" in query or self.parser.get_http_version() != "1.1":
            return None
        if self.parser.should_upgrade():
            return None
        method, text = key
        self.scope |= {"method": method, "path": text, "raw_path": path, "query_string": query}
        return found

    def _answered(self, shortcut: Shortcut, parts: list[bytes]) -> bool:
        """Answer what came whole; False for what the app is to answer."""
        made = shortcut(cast(Scope, self.scope), b"".join(parts))
        if made is None:
            return False
        # one in each reading: who sends many at once does not keep others waiting
        self._held, self._at_once = None, False
        lines = [b"%b: %b\r\n" % pair for pair in made.headers]
        stays = self.parser.should_keep_alive()
        if not stays:
            lines.append(b"connection: close\r\n")
        self.transport.write(b"".join((STATUS_LINE[made.status], *lines, b"\r\n", made.body)))
        if not stays:
            self.transport.close()
        self.on_response_complete()
        return True

    def _begin(self) -> None:
        """Let the app answer what was held, with what has come of its body."""
        assert self._held is not None
        parts, self._held = self._held[1], None
        super().on_headers_complete()
        for part in parts:
            super().on_body(part)

    def on_response_complete(self) -> None:
        """Wait for the next request, but not long for the rest of a body that nobody reads."""
        super().on_response_complete()
        if not self._whole and not self.pipeline and not self.transport.is_closing():
            self._until("rest", self.rest_seconds, self.transport.close)

    def pause_writing(self) -> None:
        """Wait for a client that does not take its answer, for a while."""
        super().pause_writing()
        self._until("take", self.take_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has taken something."""
        self._end("take")
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read, as a problem, and close."""
        running = self.cycle is not None and not self.cycle.response_complete
        if running:  # an answer is on its way: nothing may stand in its midst
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        kind, title = REFUSALS[self._refusal]
        told = {
            "type": f"urn:drgpay:problem:{kind}",
            "title": in_language(title, "zh"),
            "status": self._refusal,
        }
        body = json.dumps(told, ensure_ascii=False).encode()
        lines = {
            **HEADERS,
            "content-type": TYPE,
            "content-length": str(len(body)),
            "cache-control": "no-store",
            "connection": "close",
        }
        head = "".join(f"{name.lower()}: {value}\r\n" for name, value in lines.items())
        self.transport.write(STATUS_LINE[self._refusal] + head.encode() + b"\r\n" + body)
        self.transport.close()

    def _until(self, name: str, seconds: float, then: Callable[[], None]) -> None:
        self._end(name)
        self._timers[name] = self.loop.call_later(seconds, then)

    def _end(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()


def shortcuts_of(app: Any) -> Mapping[tuple[str, str], Shortcut]:
    """Return the shortcuts of an app, also through what uvicorn has put around it."""
    while not isinstance(app, App):
        app = getattr(app, "app", None)
        if app is None:
            return {}
    return app.shortcuts


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address; raises InputError where it cannot."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
            found.listen(2048)
        except OSError:
            found.close()
            raise
    except OSError as error:
        raise InputError(
            both(
                f"不能监听 {host}:{port}（{error.strerror}）",
                f"cannot listen at {host}:{port} ({error.strerror})",
            ),
            where="--host --port",
            remedy=both(
                "换一个端口，或结束占用它的程序", "take another port, or end what holds this one"
            ),
        ) from None
    return found


def config_of(
    app: ASGIApp | Callable[[], ASGIApp], settings: Settings, **more: Any
) -> uvicorn.Config:
    """Return how uvicorn serves an app."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=Patient,
        ws="none",
        access_log=False,
        log_level="error",
        server_header=False,
        date_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_worker_healthcheck=WORKER_SECONDS,
        backlog=2048,
        proxy_headers=settings.behind_proxy,
        **more,
    )


def serve(settings: Settings, door: socket.socket, workers: int = 1) -> None:
    """Serve at a socket until told to end."""
    _many_files()
    if workers == 1:
        config = config_of(make_app(Service(settings, alone=True)), settings)
        uvicorn.Server(config).run(sockets=[door])
        return
    # each worker makes the app for itself
    config = config_of(partial(_app, settings), settings, factory=True, workers=workers)
    Multiprocess(config, sockets=[door]).run()


def _app(settings: Settings) -> ASGIApp:
    threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()
    _many_files()
    return make_app(Service(settings, alone=True))


def _end_with(parent: int) -> None:
    """End a worker whose supervisor was killed: it would hold the port against the next one."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


def _many_files() -> None:
    """Allow as many open connections as the system does."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
