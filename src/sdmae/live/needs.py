"""What `sdmae serve` needs beyond a plain installation, told in one line where it is missing."""

from __future__ import annotations

from importlib.util import find_spec

from sdmae.errors import ConfigError

LIVE = ("alembic", "fastapi", "prometheus_client", "sqlalchemy", "urllib3", "uvicorn", "websockets", "yaml")
"""What the extra `live` brings."""


def require(*modules: str, extra: str = "live") -> None:
    """Raises `ConfigError` saying what to install where one of the modules is not there; imports none of them."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise ConfigError(f"needs {', '.join(missing)}, not installed here: pip install 'sdmae[{extra}]'")
