"""Synthetic anomalies: objects pasted into all five instants of a training sample (paper, section 3.3).

The reconstruction target stays the clean frame; the mask of the object at t is the anomaly map to predict. Families:

- `fast`: an object of the training footage at its own scale and row, 2 to 5 times as fast as is ordinary there.
- `stretched`: one much wider, flatter or thinner than objects here are.
- `out_of_scale`: one 1.7 to 3 times, or 0.3 to 0.55 times, as tall as objects on its row are.
- `joined`: the upper part of one on a bicycle, a board, in a wheelchair or a cart, or beside a box it pushes.
- `riders`: one on a bicycle or a board that is hardly seen, at walking pace.
- `shapes`: filled and outlined blobs, polygons, boxes, car-like bodies, textured or flat, dark or light.
- `thin`: rings, pairs of rings with tubes between them, sticks and wires, a pixel or so thick.

Sizes and speeds are relative to what is ordinary on the row where the object stands, which is learned from the
footage (`learn_scene`); nothing is in pixels. Every object moves: one that stands still would not show in the motion
gradient, and so not in the loss. Other families, such as cut-outs from UBnormal, need only meet `Family`.

`Ordinary` objects are put back as they were: decoys, which are pasted as anomalies are, and are none.
"""

from sdmae.data.anomalies.bank import FAMILIES, ObjectBank, build_bank, fill_bank, possible
from sdmae.data.anomalies.paste import paste
from sdmae.data.anomalies.protocol import AnomalousObject, Family
from sdmae.data.anomalies.scene import Scene, learn_scene
from sdmae.data.anomalies.walkers import Ordinary

__all__ = [
    "FAMILIES",
    "AnomalousObject",
    "Family",
    "ObjectBank",
    "Ordinary",
    "Scene",
    "build_bank",
    "fill_bank",
    "learn_scene",
    "paste",
    "possible",
]
