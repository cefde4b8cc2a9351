"""Logs as JSON, a line each, on standard error, with no password in them."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from sdmae.live.store.notice import utc
from sdmae.video.say import named

_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_USERINFO = re.compile(r"(\w+://)\S*@")
_LEAST = 4
"""Letters of a secret that is looked for: a shorter one is found in every second word."""


def start_logging(
    secrets: Iterable[str], *, level: int = logging.INFO, stream: TextIO | None = None
) -> logging.Handler:
    """Has everything that is logged written to `stream`, standard error if it is None, as `json_line` has it.

    secrets: texts that never come through, `LiveSettings.secrets`. Gives the handler, for `stop_logging`.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    hidden = sorted({text for text in secrets if len(text) >= _LEAST}, key=len, reverse=True)

    def as_json(record: logging.LogRecord) -> bool:
        record.msg, record.args = json_line(record, hidden), None
        record.exc_info = record.exc_text = record.stack_info = None
        return True

    # At the handler, not at a logger: libraries' own loggers pass their records on past the filters of others.
    handler.addFilter(as_json)
    handler.setFormatter(logging.Formatter("%(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    return handler


def stop_logging(handler: logging.Handler) -> None:
    """Takes the handler away again."""
    logging.getLogger().removeHandler(handler)


def json_line(record: logging.LogRecord, hidden: Iterable[str] = ()) -> str:
    """A record as one line of JSON: time, level, logger, message, what came in `extra`, and an exception's text."""
    fields: dict[str, Any] = {
        "time": utc(record.created),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    fields |= {key: value for key, value in vars(record).items() if key not in _ORDINARY}
    if record.exc_info and record.exc_info[0] is not None:
        fields["exception"] = logging.Formatter().formatException(record.exc_info)
    return json.dumps(_clean(fields, list(hidden)), ensure_ascii=False)


def redacted(text: str, hidden: Iterable[str]) -> str:
    """The text without user and password of any URL, and without the texts `hidden`; may have several lines."""
    for secret in hidden:
        text = text.replace(secret, "…")
    return "\n".join(named(_USERINFO.sub(r"\1…@", line)) for line in text.split("\n"))


def _clean(value: Any, hidden: list[str]) -> Any:
    if isinstance(value, dict):
        return {str(key): _clean(one, hidden) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(one, hidden) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redacted(str(value), hidden)
