"""The house's rule: imports run downwards only (CONTRIBUTING.md)."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "sdmae"

# Each room may import from any room of a lower floor, and from itself.
FLOORS = [
    {"errors", "interrupt", "progress"},
    {"config"},
    {"model", "scoring", "metrics", "video"},
    {"runtime", "data"},
    {"detector"},
    {"training"},
    {"recordings"},
    {"live"},
    {"web"},
    {"evaluation"},
    {"demo"},
    {"cli"},
]
MAY_USE_TORCH = {"model", "data", "runtime", "detector", "training", "recordings", "evaluation"}
# The package's face and its `python -m` entry stand above the house.
ENTRANCES = {"__init__", "__main__"}


def room_of(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    return relative.parts[0].removesuffix(".py")


def floor_of(room: str) -> int:
    for number, rooms in enumerate(FLOORS):
        if room in rooms:
            return number
    raise AssertionError(f"{room} is a room nobody planned: name its floor here and in CONTRIBUTING.md")


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which room they reach"
            assert node.module is not None
            found.add(node.module)
    return found


def violations(path: Path) -> list[str]:
    room = room_of(path)
    if room in ENTRANCES:
        return []
    found = []
    for name in sorted(imports_of(path)):
        top, _, rest = name.partition(".")
        if top == "torch" and room not in MAY_USE_TORCH:
            found.append(f"{path}: {room} must not import torch")
        if top != "sdmae":
            continue
        other = rest.partition(".")[0]
        if other == "":
            found.append(f"{path}: import the room, not the package's face")
        elif other != room and floor_of(other) >= floor_of(room):
            found.append(f"{path}: {room} must not import {other}")
    return found


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_run_downwards(path: Path) -> None:
    assert violations(path) == []


def test_the_rule_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.SOURCE", tmp_path)
    bad = tmp_path / "metrics" / "auc.py"
    bad.parent.mkdir()
    bad.write_text("from sdmae.scoring import combine\nimport torch\n")
    assert len(violations(bad)) == 2


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
