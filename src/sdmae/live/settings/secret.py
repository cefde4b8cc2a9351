"""Text that must not be seen: passwords, tokens, and addresses that hold them."""

from __future__ import annotations

import hmac
import os
import re
from urllib.parse import unquote

from sdmae.errors import ConfigError
from sdmae.video.say import named

_REFERENCE = re.compile(r"\$\{(\w+)\}")


class Secret:
    """A text that only `reveal` gives away: printed, logged, or in an exception, it is what `shown` says."""

    __slots__ = ("_text", "shown")

    def __init__(self, text: str, shown: str = "…") -> None:
        """`shown`: what may be seen of it."""
        self._text = text
        self.shown = shown

    @classmethod
    def address(cls, text: str) -> Secret:
        """A URL, of which all but user, password and query may be seen; or a path, all of which may."""
        shown = named(text)
        if "://" in text:
            # A password with an @ or a / in it ends later than it seems to; tokens lie in queries.
            scheme, _, rest = shown.partition("://")
            shown = re.sub(r"[?#].*", "?…", f"{scheme}://{'…@' if '@' in rest else ''}{rest.rpartition('@')[2]}")
        return cls(text, shown)

    def reveal(self) -> str:
        """The text itself, for whoever needs it to get in."""
        return self._text

    def pieces(self) -> tuple[str, ...]:
        """What must not be seen of it anywhere: the text, and the password alone where it is an address with one."""
        _, mark, rest = self._text.partition("://")
        password = rest.rpartition("@")[0].partition(":")[2] if mark else ""
        return (self._text, password, unquote(password)) if len(password) >= 4 else (self._text,)

    def equals(self, other: str) -> bool:
        """Whether it is that text, in the same time however much of it is right."""
        return hmac.compare_digest(self._text.encode(), other.encode())

    def __repr__(self) -> str:
        return f"Secret({self.shown})"

    def __str__(self) -> str:
        return self.shown

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.equals(other._text)

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not to be written anywhere: a pickle is a copy that anybody can read")

    def __deepcopy__(self, memo: object) -> Secret:
        return self


def resolved(text: str, where: str) -> str:
    """The text with each `${NAME}` replaced by that environment variable.

    Raises `ConfigError` naming the setting `where` and the variable that is not set, or is empty.
    """

    def value(found: re.Match[str]) -> str:
        content = os.environ.get(found[1], "")
        if not content:
            raise ConfigError(f"{where}: the environment variable {found[1]} is not set; set it, or write the value")
        return content

    return _REFERENCE.sub(value, text)


def refers(text: str) -> bool:
    """Whether the text is one `${NAME}` and nothing else."""
    return _REFERENCE.fullmatch(text) is not None
