"""What every answer tells the browser: run nothing but what this server sends, show it in no other page's frame."""

from __future__ import annotations

import base64
import hashlib

_NOTHING_ELSE = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; "
    f"connect-src 'self'; manifest-src 'self'; {_NOTHING_ELSE}"
)
"""Of all but the login: no script or style in the page itself, so text that gets into it can never be run."""

COMMON = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: then browsers hide the Origin of the login form, which is checked.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
"""Of every answer."""


def login_policy(style: str) -> str:
    """Of the login page, which brings its one style along: nothing else is given away before the token is told."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; {_NOTHING_ELSE}"
