"""Log-in elsewhere (OpenID Connect): the code flow with PKCE, by Authlib.

Who comes back with a token that the provider signed for us is let in as what its claims say: a
role, and of the role hospital a hospital. Nobody is let in without both.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import ssl
import time
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx2
import sqlalchemy as sa
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from drgpay.ground.errors import Bilingual, both
from drgpay.service.keys import digest_of
from drgpay.service.login import begin, refused
from drgpay.service.problems import not_there
from drgpay.service.roles import Caller, Role
from drgpay.service.rows import Row
from drgpay.service.service import Service
from drgpay.service.settings import Oidc
from drgpay.service.store import SESSIONS, USERS, Store, now
from drgpay.service.users import ELSEWHERE

COOKIE, MINUTES = "drgpay_oidc", 10
SIGNED = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"]  # with two keys
PATIENCE = 10.0  # seconds, for each question to the provider
LEEWAY = 60  # seconds that clocks may differ
FAILED = both("统一认证没有成功，请重试", "the log-in elsewhere did not succeed, try again")
AWAY = both("统一认证暂时无法访问", "the log-in elsewhere cannot be reached just now")
NO_ROLE = both(
    "统一认证没有给出本系统的角色或机构，请联系管理员",
    "the log-in elsewhere names no role or hospital for you here; ask the administrator",
)


class Unfit(Exception):
    """What came back from the provider lets nobody in; the text says why."""

    def __init__(self, told: Bilingual) -> None:
        self.told = told
        super().__init__(str(told))


async def start(request: Request) -> Response:
    """Send the browser to the provider."""
    service, oidc = _asked(request)
    try:
        provider = await _provider(oidc)
    except Unfit as error:
        return refused(request, error.told, 503)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    async with _client(request, oidc) as client:
        address, _ = client.create_authorization_url(
            provider["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
        )
    text = ".".join((state, nonce, verifier, str(now() + MINUTES * 60)))
    answer = RedirectResponse(address, 303)
    answer.set_cookie(
        COOKIE, f"{text}.{digest_of(service.secret, text).hex()}", max_age=MINUTES * 60,
        path="/login", httponly=True, samesite="lax", secure=service.settings.secure_cookies,
    )  # fmt: skip
    return answer


async def callback(request: Request) -> Response:
    """Take who comes back from the provider, and begin a session."""
    service, oidc = _asked(request)
    try:
        answer = await begin(request, await _caller(request, service, oidc))
    except Unfit as error:
        answer = refused(request, error.told, 503 if error.told is AWAY else 401)
    answer.delete_cookie(COOKIE, path="/login", httponly=True, samesite="lax")
    return answer


async def _caller(request: Request, service: Service, oidc: Oidc) -> Caller:
    nonce, verifier = _begun(request, service.secret)
    provider = await _provider(oidc)
    try:
        async with _client(request, oidc) as client:
            token = await client.fetch_token(
                provider["token_endpoint"], code=request.query_params.get("code", ""),
                code_verifier=verifier, grant_type="authorization_code",
            )  # fmt: skip
            keys = KeySet.import_key_set(await _json(provider["jwks_uri"]))
        claims = _claims(token, keys, oidc, nonce)
    except httpx2.TransportError:
        raise Unfit(AWAY) from None
    except (AuthlibBaseError, JoseError, httpx2.HTTPError, ValueError, KeyError, TypeError):
        raise Unfit(FAILED) from None
    return await run_in_threadpool(known, service.store, oidc, claims)


def _claims(token: dict[str, Any], keys: KeySet, oidc: Oidc, nonce: str) -> dict[str, Any]:
    """Return what the provider says of who logged in; raises for a token that is not for us."""
    read = jwt.decode(token["id_token"], keys, algorithms=SIGNED)
    claims = CodeIDToken(
        read.claims,
        read.header,
        {
            "iss": {"essential": True, "value": oidc.issuer},
            "aud": {"essential": True, "value": oidc.client_id},
        },
        {"nonce": nonce, "client_id": oidc.client_id, "access_token": token.get("access_token")},
    )
    claims.validate(now=int(time.time()), leeway=LEEWAY)
    return dict(claims)


def known(store: Store, oidc: Oidc, claims: dict[str, Any]) -> Caller:
    """Return who the claims speak of, kept among the users, so that one can be locked.

    Raises Unfit for claims without a role or a hospital, and for a user that is locked.
    """
    said = claims.get(oidc.role_claim)
    words = said if isinstance(said, list) else [said]
    roles = {
        oidc.roles_of[word] for word in words if isinstance(word, str) and word in oidc.roles_of
    }
    if len(roles) != 1:
        raise Unfit(NO_ROLE)
    role = Role(next(iter(roles)))
    hospital = claims.get(oidc.hospital_claim) if role is Role.HOSPITAL else ""
    if not isinstance(hospital, str) or (role is Role.HOSPITAL and not hospital.strip()):
        raise Unfit(NO_ROLE)
    hospital, subject = hospital.strip(), str(claims["sub"])
    if len(subject) > 56 or not subject.isprintable():
        subject = hashlib.sha256(subject.encode()).hexdigest()[:56]
    name = f"{ELSEWHERE}{subject}"
    new = {"role": str(role), "hospital_id": hospital}
    with store.begin() as connection:
        found = connection.execute(sa.select(USERS).where(USERS.c.name == name)).mappings().first()
        if found is None:
            row = {"name": name, "password": "", "made_at": now(), **new}
            connection.execute(sa.insert(USERS).values(**row))
        elif found["locked_at"] is not None:
            raise Unfit(FAILED)
        elif any(found[column] != value for column, value in new.items()):
            connection.execute(sa.update(USERS).where(USERS.c.name == name).values(**new))
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.who == f"user:{name}"))
    shown = claims.get("preferred_username") or claims.get("name") or subject
    return Caller(f"user:{name}", role, str(shown)[:64], hospital)


def _begun(request: Request, secret: bytes) -> tuple[str, str]:
    """Return nonce and verifier of the log-in that this browser began; raises Unfit."""
    text, _, sign = request.cookies.get(COOKIE, "").rpartition(".")
    parts = text.split(".")
    if len(parts) != 4 or not hmac.compare_digest(digest_of(secret, text).hex(), sign):
        raise Unfit(FAILED)
    state, nonce, verifier, until = parts
    given = request.query_params.get("state", "").encode()
    if not hmac.compare_digest(state.encode(), given) or int(until) <= now():
        raise Unfit(FAILED)
    return nonce, verifier


async def _provider(oidc: Oidc) -> dict[str, Any]:
    """Return what the provider says of itself; raises Unfit."""
    try:
        found = await _json(f"{oidc.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found["issuer"] != oidc.issuer:
            raise Unfit(FAILED)
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if urlsplit(found[name]).scheme not in ("https", urlsplit(oidc.issuer).scheme):
                raise Unfit(FAILED)
    except (httpx2.HTTPError, ValueError, KeyError, TypeError):
        raise Unfit(AWAY) from None
    made: dict[str, Any] = found
    return made


async def _json(address: str) -> Any:
    async with httpx2.AsyncClient(timeout=PATIENCE, verify=_tls()) as client:
        answer = await client.get(address)
        answer.raise_for_status()
        return answer.json()


@cache
def _tls() -> ssl.SSLContext:
    """Read the certificates of this machine once: it takes longer than a hundred previews."""
    return ssl.create_default_context()


def _client(request: Request, oidc: Oidc) -> AsyncOAuth2Client:
    return AsyncOAuth2Client(
        oidc.client_id,
        oidc.secret,
        scope="openid profile",
        redirect_uri=oidc.redirect or str(request.url_for("callback")),
        code_challenge_method="S256",
        timeout=PATIENCE,
        verify=_tls(),
    )


def _asked(request: Request) -> tuple[Service, Oidc]:
    service: Service = request.app.state.service
    if service.settings.oidc is None:
        raise not_there()
    return service, service.settings.oidc


ROWS = (
    Row(method="GET", path="/login/oidc", call=start, roles=None, rate="login", page=True),
    Row(
        method="GET", path="/login/callback", call=callback, roles=None, rate="login",
        audit="login", page=True,
    ),
)  # fmt: skip
