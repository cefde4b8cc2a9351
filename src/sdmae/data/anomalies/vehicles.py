"""What people ride, push and pull, drawn in units of a person's height."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sdmae.data.anomalies.sketch import Sketch


class Vehicle(NamedTuple):
    """A drawing routine and how a person goes with it. All lengths are in heights of that person."""

    draw: Callable[[Sketch, float, np.random.Generator, float], None]
    """(sheet, pixels a unit, generator, length): fills the sheet, the ground at its lower edge."""
    length: tuple[float, float]
    """Least and greatest length."""
    height: tuple[float, float]
    """Least and greatest height."""
    kept: tuple[float, float]
    """Share of the person that is seen, from the head down."""
    raised: tuple[float, float]
    """Height above ground of the lowest part of the person that is seen."""
    ahead: tuple[float, float]
    """Distance from the person's middle to the vehicle's, along the way."""
    in_front: float
    """Chance that the vehicle hides the person and not the other way round."""


def bicycle(sheet: Sketch, unit: float, rng: np.random.Generator, length: float) -> None:
    """Two thin wheels, seen more or less from the side, and some of the tubes between them."""
    high, wide = sheet.mask().shape
    radius = min(rng.uniform(0.17, 0.23) * unit, 0.48 * high)
    narrow = float(np.clip(length / 0.95, 0.3, 1.0)) * radius
    stroke = max(0.7, rng.uniform(0.025, 0.055) * unit)
    y = high - radius - stroke / 2
    back, front = narrow + stroke, wide - narrow - stroke
    inner = rng.choice([0.0, rng.uniform(0.1, 0.35)])
    for x in (back, front):
        if inner:
            sheet.disc((x, y), (narrow, radius), opacity=inner)  # spokes blur into a veil
        sheet.ring((x, y), (narrow, radius), stroke)
    thin = max(0.6, 0.6 * stroke)
    seat, bars = (back + 0.3 * (front - back), high - 0.5 * unit), (front - 0.12 * (front - back), high - 0.55 * unit)
    pedal = (back + 0.45 * (front - back), y)
    tubes = [[(back, y), seat], [seat, pedal], [pedal, (back, y)], [seat, bars], [pedal, bars], [bars, (front, y)]]
    for tube in tubes:
        if rng.random() < 0.7:
            sheet.line(tube, thin)


def board(sheet: Sketch, unit: float, rng: np.random.Generator, length: float) -> None:
    """A skateboard or a scooter: a thin plank, small wheels, perhaps a pole."""
    high, wide = sheet.mask().shape
    thick = max(1.0, rng.uniform(0.025, 0.06) * unit)
    wheel = max(0.7, rng.uniform(0.02, 0.05) * unit)
    y = high - wheel - thick
    sheet.box(0, y, wide - 1, y + thick)
    for x in (0.18 * wide, 0.82 * wide):
        sheet.disc((x, high - wheel), (wheel, wheel))
    if rng.random() < 0.3:
        pole = rng.uniform(0.45, 0.65) * unit
        sheet.line([(0.9 * wide, y), (0.85 * wide, high - pole)], max(0.8, 0.03 * unit))


def box(sheet: Sketch, unit: float, rng: np.random.Generator, length: float) -> None:
    """A crate, a suitcase, a pram: a body with cut corners, on small wheels or on the ground."""
    high, wide = sheet.mask().shape
    wheel = rng.uniform(0.03, 0.08) * unit if rng.random() < 0.6 else 0.0
    lean = rng.uniform(-0.15, 0.15) * wide
    top = rng.uniform(0.0, 0.15) * high
    left, right = 0.1 * wide, 0.9 * wide
    sheet.fill([(left + lean, top), (right + lean, top), (right, high - wheel), (left, high - wheel)])
    if wheel:
        for x in (0.25 * wide, 0.75 * wide):
            sheet.disc((x, high - max(wheel, 1.0)), (max(wheel, 1.0), max(wheel, 1.0)))
    if rng.random() < 0.5:
        sheet.line([(left, high * 0.3), (0, high * 0.05)], max(0.8, 0.03 * unit))


def cart(sheet: Sketch, unit: float, rng: np.random.Generator, length: float) -> None:
    """A golf cart or a small van: a low body on wheels, posts and a roof."""
    high, wide = sheet.mask().shape
    body = high - rng.uniform(0.4, 0.6) * unit
    wheel = rng.uniform(0.1, 0.16) * unit
    sheet.box(0.02 * wide, body, 0.98 * wide, high - 0.6 * wheel)
    for x in (0.2 * wide, 0.8 * wide):
        sheet.disc((x, high - wheel), (wheel, wheel))
    if rng.random() < 0.8:
        stroke = max(0.8, 0.04 * unit)
        roof = rng.uniform(0.0, 0.1) * unit + stroke
        sheet.box(0.1 * wide, roof, 0.9 * wide, roof + 2 * stroke)
        for x in (0.13 * wide, 0.87 * wide):
            sheet.line([(x, roof), (x + rng.uniform(-0.05, 0.05) * wide, body)], stroke)


def chair(sheet: Sketch, unit: float, rng: np.random.Generator, length: float) -> None:
    """A wheelchair: one large wheel, one small, a seat and a back."""
    high, wide = sheet.mask().shape
    radius = rng.uniform(0.15, 0.2) * unit
    narrow = radius * rng.uniform(0.5, 1.0)
    stroke = max(0.8, rng.uniform(0.03, 0.05) * unit)
    sheet.ring((narrow + stroke, high - radius - stroke), (narrow, radius), stroke)
    sheet.disc((0.85 * wide, high - 0.05 * unit), (0.05 * unit, 0.05 * unit))
    sheet.box(0.1 * wide, high - 0.3 * unit, 0.8 * wide, high - 0.22 * unit)
    sheet.box(0.05 * wide, high - 0.6 * unit, 0.15 * wide, high - 0.25 * unit)
    sheet.line([(0.8 * wide, high - 0.25 * unit), (0.9 * wide, high - 0.05 * unit)], stroke)


VEHICLES = (
    (0.42, Vehicle(bicycle, (0.35, 1.15), (0.6, 0.62), (0.55, 1.0), (0.02, 0.3), (-0.1, 0.1), 0.5)),
    (0.18, Vehicle(board, (0.4, 0.7), (0.7, 0.72), (0.95, 1.0), (0.04, 0.08), (-0.05, 0.1), 0.3)),
    (0.18, Vehicle(box, (0.3, 0.8), (0.3, 0.7), (0.9, 1.0), (0.0, 0.02), (0.15, 0.45), 0.7)),
    (0.12, Vehicle(cart, (1.0, 1.8), (0.9, 1.3), (0.4, 0.6), (0.35, 0.5), (-0.3, 0.3), 0.75)),
    (0.10, Vehicle(chair, (0.45, 0.65), (0.62, 0.64), (0.5, 0.7), (0.15, 0.3), (-0.1, 0.1), 0.4)),
)
"""How often each is drawn, and the vehicle."""

RIDDEN = (
    (0.75, Vehicle(bicycle, (0.35, 1.15), (0.6, 0.62), (0.8, 1.0), (0.02, 0.25), (-0.1, 0.1), 0.5)),
    (0.25, Vehicle(board, (0.4, 0.7), (0.7, 0.72), (0.97, 1.0), (0.03, 0.07), (-0.05, 0.1), 0.3)),
)
"""The same of what may hardly be seen beneath who rides it: most of the person stays."""
