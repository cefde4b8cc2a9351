"""The project's own world: paths and a road before a fixed camera, people on their way, and what disturbs them.

    for image, mask, objects in render(SceneSpec(staged=(Staged("cyclist", 10.0),)), frames=250):
        image, mask  # (240, 360, 3) uint8 RGB, (240, 360) bool: the abnormal pixels

Everything is drawn from a seed: the same one gives the same frames to the bit. `write_scene` makes a benchmark
folder of it, `read_scene` reads that.
"""

from sdmae.data.scene.folder import read_scene, write_scene
from sdmae.data.scene.plan import plan_still_clips, plan_test_clips
from sdmae.data.scene.render import SceneFrame, SceneObject, SceneSpec, render
from sdmae.data.scene.staged import KINDS, STILL_KINDS, Staged

__all__ = [
    "KINDS",
    "STILL_KINDS",
    "SceneFrame",
    "SceneObject",
    "SceneSpec",
    "Staged",
    "plan_still_clips",
    "plan_test_clips",
    "read_scene",
    "render",
    "write_scene",
]
