"""What stands before every route, file and WebSocket: host, token and origin are checked before anything is done."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sdmae.web.access import READS, Access
from sdmae.web.headers import COMMON, PAGE_POLICY
from sdmae.web.login import PATH, exchange, log_in, login_page

LARGEST = 64 * 1024
"""Bytes of a request's body."""


class Guard:
    """Around the whole application, so that a route that is added later is guarded, too."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            if self._refused(Headers(scope=scope), changes=True) or not self._admitted(Headers(scope=scope)):
                # Before it is accepted, which the browser sees as 403.
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self._app(scope, receive, send)
        else:
            await self._http(scope, receive, _with_headers(send))

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        answer = await self._answer(request)
        if answer is None:
            await self._app(scope, _no_more_than(receive), send)
        else:
            await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response | None:
        """What is answered in place of the application; None: it may answer."""
        changes = request.method not in READS
        if words := self._refused(request.headers, changes=changes):
            return _said(words, 403)
        if int(_digits(request.headers.get("content-length", "0"))) > LARGEST:
            return _said(f"a request of more than {LARGEST} bytes is not taken", 413)
        if self._access.needs_token:
            if request.scope["path"] == PATH and changes:
                return await log_in(request, self._access)
            if not changes and "token" in request.query_params:
                return exchange(request, self._access)
        if self._admitted(request.headers):
            return None
        if "text/html" in request.headers.get("accept", ""):
            return login_page()
        return _said("the token is missing or wrong: send it as Authorization: Bearer TOKEN", 401)

    def _refused(self, headers: Headers, *, changes: bool) -> str:
        """Why nothing is done for whoever asks, whatever it knows; empty: no reason."""
        host = headers.get("host", "")
        if not self._access.is_own_host(host):
            return "this server is not known by that name: use 127.0.0.1 or localhost, or set a token"
        if not changes:
            return ""
        origin = headers.get("origin")
        # A browser always says where such a request comes from; what is no browser has no cookie, either.
        if origin is None and "cookie" not in headers and "sec-fetch-site" not in headers:
            return ""
        if origin is None or not self._access.is_own_origin(origin, host):
            return "this comes from another page (its Origin is not this server's)"
        return ""

    def _admitted(self, headers: Headers) -> bool:
        access = self._access
        if not access.needs_token:
            return True
        return access.bears_token(headers.get("authorization", "")) or access.has_session(headers.get("cookie", ""))


def _said(words: str, status: int) -> Response:
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"detail": words}, status, headers)


def _digits(text: str) -> str:
    """Of a length that is none: more than is taken."""
    return text if text.isascii() and text.isdigit() and len(text) < 15 else str(LARGEST + 1)


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in COMMON.items():
                headers[name] = value
            headers.setdefault("content-security-policy", PAGE_POLICY)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sent


def _no_more_than(receive: Receive) -> Receive:
    """Of a body sent in pieces, whose length nobody has told, no more than is taken either."""
    taken = 0

    async def received() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return {"type": "http.disconnect"} if taken > LARGEST else message

    return received
