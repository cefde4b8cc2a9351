"""The detectors that come with the package: data, found by name."""

from __future__ import annotations

from pathlib import Path

from sdmae.errors import DetectorError

FOLDER = Path(__file__).resolve().parents[1] / "shipped"
"""NAME.safetensors and its card, NAME.md."""


def shipped_detectors() -> list[str]:
    """Names of the detectors that are shipped."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def resolve(name: str | Path) -> Path:
    """The detector file of that name: itself, or a shipped one.

    A bare word, with neither folder nor suffix, that is no file is a shipped detector's name. Raises `DetectorError`
    listing the shipped ones where there is nothing of that name at all.
    """
    path = Path(name)
    if path.suffix or len(path.parts) != 1 or path.is_file():
        return path
    if path.name in shipped_detectors():
        return FOLDER / f"{path.name}.safetensors"
    if path.exists():
        return path
    raise DetectorError(
        f"{path}: no such detector file, nor is one of that name shipped (there is "
        f"{', '.join(shipped_detectors()) or 'none'}); `sdmae train` makes one"
    )


def card(name: str) -> str:
    """The card of a shipped detector, Markdown. Raises `DetectorError` where there is none."""
    try:
        return (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    except OSError:
        raise DetectorError(f"{name}: the card of this shipped detector is missing; install sdmae again") from None
