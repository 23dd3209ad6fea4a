"""Log-in elsewhere: a small provider on this machine, honest and otherwise."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from drgpay.ground.errors import InputError
from drgpay.service.settings import Oidc, oidc_of
from drgpay.service.users import list_users, lock_user
from tests.service.conftest import Served, serving

CLIENT, SECRET = "drgpay-here", "s3cret"


class Provider(ThreadingHTTPServer):
    """A provider: `claims`, `key`, `header` are what its next tokens have."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server_address[1]}"
        self.own = RSAKey.generate_key(2048, {"kid": "1"})
        self.codes: dict[str, dict[str, str]] = {}
        self.answers: list[int] = []
        self.reset()

    def reset(self) -> None:
        self.key: Any = self.own
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "1"}
        self.claims: dict[str, Any] = {}
        self.says_issuer = self.issuer

    def token(self, nonce: str) -> str:
        at = int(time.time())
        usual = {
            "iss": self.issuer, "aud": CLIENT, "sub": "u1", "iat": at, "exp": at + 60,
            "nonce": nonce, "preferred_username": "王", "drgpay_role": "agency",
        }  # fmt: skip
        claims = {k: v for k, v in {**usual, **self.claims}.items() if v is not None}
        return jwt.encode(self.header, claims, self.key, algorithms=["RS256", "HS256"])


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        base = self.server.issuer
        if self.path == "/.well-known/openid-configuration":
            self.say(200, {
                "issuer": self.server.says_issuer, "authorization_endpoint": f"{base}/authorize",
                "token_endpoint": f"{base}/token", "jwks_uri": f"{base}/jwks",
            })  # fmt: skip
        else:
            self.say(200, {"keys": [self.server.own.as_dict(private=False)]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        asked = dict(parse_qsl(body))
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        begun = self.server.codes.pop(asked.get("code", ""), None)
        proof = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).rstrip(b"=").decode()
        right = (
            self.headers["Authorization"] == f"Basic {basic}"
            and begun is not None
            and begun["code_challenge"] == challenge
            and begun["redirect_uri"] == asked.get("redirect_uri")
        )
        if not right or begun is None:
            self.say(400, {"error": "invalid_grant"})
            return
        token = self.server.token(begun["nonce"])
        self.say(200, {"access_token": "a", "token_type": "Bearer", "id_token": token})

    def say(self, status: int, told: dict[str, Any]) -> None:
        self.server.answers.append(status)
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def own(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    oidc = Oidc(
        issuer=provider.issuer, client_id=CLIENT, secret=SECRET, name="省统一认证",
        roles=(("病案室", "hospital"),),
    )  # fmt: skip
    with serving(tmp_path_factory.mktemp("oidc"), oidc=oidc) as served:
        yield served


@pytest.fixture(autouse=True)
def fresh(provider: Provider, own: Served) -> None:
    provider.reset()
    own.client.cookies.clear()


def begin(served: Served, provider: Provider) -> dict[str, str]:
    """Begin a log-in; return what the browser comes back with from the provider."""
    answer = served.client.get("/login/oidc", follow_redirects=False)
    assert answer.status_code == 303, answer.text
    address = urlsplit(answer.headers["location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{provider.issuer}/authorize"
    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert asked["response_type"] == "code" and asked["client_id"] == CLIENT
    assert asked["code_challenge_method"] == "S256" and "openid" in asked["scope"]
    assert asked["redirect_uri"] == "http://testserver/login/callback"
    code = f"code-{len(provider.answers)}"
    provider.codes[code] = asked
    return {"code": code, "state": asked["state"]}


def come_back(served: Served, back: dict[str, str]) -> Any:
    return served.client.get("/login/callback", params=back, follow_redirects=False)


def test_oidc__lets_in_as_the_claims_say(own: Served, provider: Provider) -> None:
    assert "省统一认证" in own.client.get("/login").text
    answer = come_back(own, begin(own, provider))
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    me = own.client.get("/v1/me").json()
    assert (me["id"], me["role"], me["hospital_id"]) == ("user:oidc:u1", "agency", "")
    provider.claims = {"sub": "u2", "drgpay_role": ["病案室", "else"], "drgpay_hospital": " H1 "}
    come_back(own, begin(own, provider))
    me = own.client.get("/v1/me").json()
    assert (me["id"], me["role"], me["hospital_id"]) == ("user:oidc:u2", "hospital", "H1")
    assert {u.name: u.local for u in list_users(own.service.store)} == {
        "oidc:u1": False, "oidc:u2": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "http://evil.example"},
        {"aud": "another"},
        {"aud": ["another"]},
        {"nonce": "chosen"},
        {"nonce": None},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"sub": None},
        {"azp": "another"},
        {"drgpay_role": None},
        {"drgpay_role": "root"},
        {"drgpay_role": ["agency", "auditor"]},
        {"drgpay_role": {"agency": True}},
        {"drgpay_role": "hospital"},
        {"drgpay_role": "hospital", "drgpay_hospital": " "},
        {"drgpay_role": "hospital", "drgpay_hospital": ["H1"]},
    ],
    ids=str,
)
def test_oidc__of_a_token_that_is_not_fit_lets_nobody_in(
    claims: dict[str, Any], own: Served, provider: Provider
) -> None:
    provider.claims = claims
    answer = come_back(own, begin(own, provider))
    assert answer.status_code == 401 and 'role="alert"' in answer.text
    assert own.client.get("/v1/me").status_code == 401


def test_oidc__of_a_forged_token_lets_nobody_in(own: Served, provider: Provider) -> None:
    provider.key = RSAKey.generate_key(2048, {"kid": "1"})
    assert come_back(own, begin(own, provider)).status_code == 401
    provider.key = OctKey.import_key(json.dumps(provider.own.as_dict(private=False)).encode())
    provider.header = {"alg": "HS256", "kid": "1"}
    assert come_back(own, begin(own, provider)).status_code == 401
    provider.reset()
    none, usual = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode(), provider.token
    provider.token = lambda nonce: f"{none}.{usual(nonce).split('.')[1]}."  # type: ignore[method-assign]
    try:
        assert come_back(own, begin(own, provider)).status_code == 401
    finally:
        del provider.token  # type: ignore[misc]
    assert own.client.get("/v1/me").status_code == 401


def test_oidc__not_begun_by_this_browser_lets_nobody_in(own: Served, provider: Provider) -> None:
    back = begin(own, provider)
    assert come_back(own, {**back, "state": "another"}).status_code == 401
    back = begin(own, provider)
    cookie = own.client.cookies["drgpay_oidc"]
    own.client.cookies.clear()
    assert come_back(own, back).status_code == 401, "another browser"
    own.client.cookies.set("drgpay_oidc", cookie[:-2] + "00", path="/login")
    assert come_back(own, back).status_code == 401, "a cookie that is not ours"
    for rubbish in ("", "a.b.c.d.e", "....", "x" * 3000):
        own.client.cookies.clear()
        own.client.cookies.set("drgpay_oidc", rubbish, path="/login")
        assert come_back(own, back).status_code == 401
    own.client.cookies.clear()
    own.client.cookies.set("drgpay_oidc", cookie, path="/login")
    assert come_back(own, back).status_code == 303, "the right one is still let in"
    own.client.cookies.clear()
    own.client.cookies.set("drgpay_oidc", cookie, path="/login")
    assert come_back(own, back).status_code == 401, "a code opens once"
    assert come_back(own, {"error": "access_denied", "state": back["state"]}).status_code == 401


def test_oidc__of_a_locked_user_lets_nobody_in(own: Served, provider: Provider) -> None:
    provider.claims = {"sub": "leaver"}
    assert come_back(own, begin(own, provider)).status_code == 303
    lock_user(own.service.store, "oidc:leaver")
    own.client.cookies.clear()
    assert come_back(own, begin(own, provider)).status_code == 401


def test_oidc__of_a_provider_that_is_away_is_told(own: Served, provider: Provider) -> None:
    back = begin(own, provider)
    provider.says_issuer = "http://evil.example"
    assert come_back(own, back).status_code == 401
    settings = own.service.settings
    away = Oidc(issuer="http://127.0.0.1:1", client_id=CLIENT, secret=SECRET)
    object.__setattr__(settings, "oidc", away)
    try:
        answer = own.client.get("/login/oidc", follow_redirects=False)
        assert answer.status_code == 503 and answer.headers["retry-after"]
    finally:
        oidc = Oidc(issuer=provider.issuer, client_id=CLIENT, secret=SECRET)
        object.__setattr__(settings, "oidc", oidc)


def test_settings__of_oidc_are_read_from_the_environment() -> None:
    given = {
        "DRGPAY_OIDC_ISSUER": "https://id.example", "DRGPAY_OIDC_CLIENT_ID": "a",
        "DRGPAY_OIDC_CLIENT_SECRET": "b", "DRGPAY_OIDC_ROLES": "医保=agency,病案室=hospital",
    }  # fmt: skip
    found = oidc_of(given)
    assert found is not None and found.roles_of["医保"] == "agency" == found.roles_of["agency"]
    assert "secret='b'" not in repr(found)
    assert oidc_of({"PATH": "x"}) is None
    for wrong in (
        {"DRGPAY_OIDC_ISSUER": ""}, {"DRGPAY_OIDC_CLIENT_SECRET": ""}, {"DRGPAY_OIDC_X": "y"},
        {"DRGPAY_OIDC_ROLES": "a=root"}, {"DRGPAY_OIDC_ISSUER": "http://id.example"},
    ):  # fmt: skip
        with pytest.raises(InputError):
            oidc_of({**given, **wrong})
