"""Result files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

from sdmae.errors import SourceError


def write_text(path: Path, text: str) -> None:
    """Writes beside the file, then takes its place. Raises `SourceError` where it cannot be written."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text)
        part.replace(path)
    except OSError as error:
        raise SourceError(f"{path}: cannot be written ({error.strerror}); choose another --output") from None
    finally:
        part.unlink(missing_ok=True)
