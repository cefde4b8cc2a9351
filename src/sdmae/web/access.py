"""Who may see the page: everybody on this machine, or whoever knows the token."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time
from urllib.parse import urlsplit

from starlette.requests import cookie_parser

from sdmae.errors import ConfigError
from sdmae.live.settings import LiveSettings

SESSION = 30 * 24 * 3600
"""Seconds for which a browser need not be told the token again."""
READS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Access:
    """Decides by what a request carries. What is secret is compared in constant time."""

    def __init__(self, settings: LiveSettings) -> None:
        """Raises `ConfigError` where other machines could reach the page and there is no token."""
        self._token = settings.token
        self._host = settings.host
        if self._token is None and not _is_loopback(settings.host):
            raise ConfigError(
                f"listen: {settings.listen} can be reached from other machines, so it needs a token; write token: "
                "${SDMAE_TOKEN}, or token_file, or listen on 127.0.0.1"
            )
        # Browsers tell a machine's cookies apart by name, not by port.
        self.cookie = f"sdmae-{settings.port}"
        """Name of the cookie that stands for the token."""

    @property
    def needs_token(self) -> bool:
        """Whether there is a token."""
        return self._token is not None

    def is_token(self, text: str) -> bool:
        """Whether it is the token."""
        return self._token is not None and self._token.equals(text)

    def session(self, now: float | None = None) -> str:
        """What a browser that has told the token is given, instead of the token itself."""
        ends = int((time.time() if now is None else now) + SESSION)
        return f"{ends}.{self._sign(ends)}"

    def is_session(self, text: str, now: float | None = None) -> bool:
        """Whether `session` gave it, not too long ago, and the token is still the same."""
        ends, _, signature = text.partition(".")
        if self._token is None or not (ends.isascii() and ends.isdigit() and len(ends) < 15):
            return False
        fresh = (time.time() if now is None else now) < int(ends)
        return hmac.compare_digest(self._sign(int(ends)).encode(), signature.encode()) and fresh

    def bears_token(self, authorization: str) -> bool:
        """Whether that header tells the token."""
        scheme, _, text = authorization.partition(" ")
        return scheme.lower() == "bearer" and self.is_token(text.strip())

    def has_session(self, cookies: str) -> bool:
        """Whether that header has a session's cookie."""
        return self.is_session(cookie_parser(cookies).get(self.cookie, ""))

    def is_own_host(self, host: str) -> bool:
        """Whether a request was meant for this server, by its Host header.

        Where there is no token, a foreign name means that a page elsewhere made its own name point here. Where there
        is one, the cookie is bound to the name, and names may be given by whatever stands in front.
        """
        if self.needs_token:
            return True
        return _name_of(host) in _LOCAL_NAMES | {self._host.lower()}

    def is_own_origin(self, origin: str, host: str) -> bool:
        """Whether that Origin is the page's own: it was fetched by the name that the request names, too."""
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and bool(host) and parts.netloc.lower() == host.lower()

    def _sign(self, ends: int) -> str:
        assert self._token is not None
        return hmac.new(self._token.reveal().encode(), f"session until {ends}".encode(), hashlib.sha256).hexdigest()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _name_of(host: str) -> str:
    """The name or address of a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
