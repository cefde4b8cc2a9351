"""One mapping of the settings file on its way into a dataclass: each key asked for by its kind."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from sdmae.config import refuse_unknown
from sdmae.errors import ConfigError
from sdmae.live.settings.secret import Secret, refers, resolved

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}


class Section:
    """The keys of a mapping. Every method raises `ConfigError` naming the key, and never tells a secret's value.

    A key that is missing, or empty, is None, so that the dataclass's own default holds; see `given`.
    """

    def __init__(self, data: Any, kind: type, where: str, folder: Path) -> None:
        """`kind`: the dataclass with the known keys; `where`: its name in messages; `folder`: of relative paths."""
        if not isinstance(data, dict):
            raise ConfigError(f"{where or 'the file'} must be keys and values, such as name: yard")
        self._prefix = f"{where}." if where else ""
        refuse_unknown(kind, data, self._prefix)
        self._data: dict[str, Any] = data
        self._folder = folder

    def raw(self, key: str) -> Any:
        """What stands there."""
        return self._data.get(key)

    def name(self, key: str) -> str:
        """The key as it stands in messages."""
        return f"{self._prefix}{key}"

    def required(self, key: str, such_as: str) -> None:
        """That the key is there."""
        if self._data.get(key) in (None, ""):
            raise ConfigError(f"{self.name(key)} is missing; write {key}: {such_as}")

    def text(self, key: str) -> str | None:
        """A text, its `${NAME}` replaced."""
        value = self._data.get(key)
        if value is None:
            return None
        if isinstance(value, bool | list | dict) or "\n" in str(value) or "\0" in str(value):
            raise ConfigError(f"{self.name(key)} must be one line of text")
        return resolved(str(value).strip(), self.name(key))

    def secret(self, key: str, *, by_reference: bool = False) -> Secret | None:
        """A text that must not be seen. `by_reference`: only as an environment variable."""
        if by_reference and self._data.get(key) is not None and not refers(str(self._data[key]).strip()):
            raise ConfigError(
                f"{self.name(key)} must not stand in the file itself; write {key}: ${{SDMAE_{key.upper()}}} and set "
                f"that environment variable"
            )
        text = self.text(key)
        return Secret(text) if text else None

    def address(self, key: str) -> Secret | None:
        """A URL or path, which may hold a password."""
        text = self.text(key)
        return Secret.address(text) if text else None

    def path(self, key: str) -> Path | None:
        """A path; one that is not absolute is from the folder of the settings file."""
        text = self.text(key)
        return self._folder / Path(text).expanduser() if text else None

    def number(self, key: str, low: float, high: float) -> float | None:
        """A number from `low` to `high`."""
        value = self._data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigError(f"{self.name(key)} must be a number from {low:.10g} to {high:.10g}")
        if not low <= value <= high:
            raise ConfigError(f"{self.name(key)} is {value:.10g}; it must be between {low:.10g} and {high:.10g}")
        return float(value)

    def whole(self, key: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`."""
        value = self.number(key, low, high)
        if value is not None and value != int(value):
            raise ConfigError(f"{self.name(key)} is {value:.10g}; it must be a whole number")
        return None if value is None else int(value)

    def flag(self, key: str) -> bool | None:
        """true or false."""
        value = self._data.get(key)
        if value is not None and not isinstance(value, bool):
            raise ConfigError(f"{self.name(key)} must be true or false")
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of texts."""
        value = self._data.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ConfigError(f"{self.name(key)} must be a list of texts, such as [one, two]")
        return tuple(value)

    def size(self, key: str) -> int | None:
        """Bytes: a number, or one with a unit such as 20 GB."""
        value = self._data.get(key)
        if value is None:
            return None
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(value).strip().lower())
        if isinstance(value, bool) or not found or found[2] not in _UNITS:
            raise ConfigError(f"{self.name(key)} must be a size, such as 20 GB")
        return int(float(found[1]) * _UNITS[found[2]])

    def never(self, key: str) -> bool:
        """Whether the key says, in words, that there is no limit."""
        return str(self._data.get(key)).strip().lower() in ("never", "unlimited")

    def items(self, key: str) -> list[Any]:
        """A list; empty where there is none."""
        value = self._data.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise ConfigError(f"{self.name(key)} must be a list: one entry a line, each begun with a dash")
        return value


def given(**values: Any) -> dict[str, Any]:
    """Those that are not None: the others keep the dataclass's default."""
    return {key: value for key, value in values.items() if value is not None}
