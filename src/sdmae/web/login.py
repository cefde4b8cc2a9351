"""The one thing that is seen without the token: a form that asks for it."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sdmae.web.access import SESSION, Access
from sdmae.web.headers import login_policy

PATH = "/login"
_PAGE = Path(__file__).with_name("login.html").read_text(encoding="utf-8")
_STYLE = re.findall(r"<style>(.*?)</style>", _PAGE, re.DOTALL)[0]
_LONGEST = 4096
"""Bytes of a form."""


def login_page(words: str = "", status: int = 401) -> Response:
    """The form, with a remark."""
    page = Template(_PAGE).substitute(words=escape(words))
    return HTMLResponse(page, status, {"content-security-policy": login_policy(_STYLE)})


async def log_in(request: Request, access: Access) -> Response:
    """Answers the form: a session for the token."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LONGEST:
            return login_page("That is too long to be the token.", 413)
    token = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0].strip()
    if not access.is_token(token):
        return login_page("That is not the token. It is what SDMAE_TOKEN, or the file of token_file, holds.")
    return _with_session(request, access, "/")


def exchange(request: Request, access: Access) -> Response:
    """Answers an address with ?token=...: if it is right, a session and the same address without it."""
    if not access.is_token(request.query_params["token"]):
        return login_page("The token in the address is not the right one.")
    rest = [(key, value) for key, value in request.query_params.multi_items() if key != "token"]
    # What begins with two slashes would lead to another server.
    path = "/" + request.scope["path"].lstrip("/\\")
    return _with_session(request, access, f"{path}?{urlencode(rest)}" if rest else path)


def log_out(access: Access) -> Response:
    """Ends the session of this browser."""
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(access.cookie, httponly=True, samesite="strict")
    return answer


def _with_session(request: Request, access: Access, to: str) -> Response:
    answer = RedirectResponse(to, 303)
    secure = request.scope["scheme"] == "https"
    answer.set_cookie(
        access.cookie, access.session(), max_age=SESSION, httponly=True, samesite="strict", secure=secure
    )
    return answer
