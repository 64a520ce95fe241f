"""Methods of other libraries, as they come."""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import cv2
import numpy as np

from tasks.run.benchmark.method import Damaged, Fill, Pixels, Unavailable

RADIUS_PX = 3.0  # OpenCV's neighbourhood
PATCH_RADIUS_PX = 3  # PatchMatch compares patches of 7 × 7
PATCH_SEED = 0


@dataclass(frozen=True)
class Library:
    """A function of this module that needs `package`; its version decides pixels."""

    name: str
    package: str
    fill: Fill
    timed: bool = True

    def version(self, photo: str, kind: str) -> str:  # noqa: ARG002 - the same for all
        """The package's version, `not installed` without it."""
        return f"{self.package} {_version(self.package) or 'not installed'}"

    def load(self, threads: int) -> Fill:
        """Raises Unavailable without the package."""
        if _version(self.package) is None:
            raise Unavailable(f"not installed: pip install {self.package}")
        cv2.setNumThreads(threads)
        return self.fill


def telea(damaged: Damaged) -> Pixels:
    """A. Telea, "An Image Inpainting Technique Based on the Fast Marching Method", 2004; OpenCV's."""
    return _opencv(damaged, cv2.INPAINT_TELEA)


def navier_stokes(damaged: Damaged) -> Pixels:
    """M. Bertalmio et al., "Navier-Stokes, Fluid Dynamics, and Image and Video Inpainting", CVPR 2001; OpenCV's."""
    return _opencv(damaged, cv2.INPAINT_NS)


def biharmonic(damaged: Damaged) -> Pixels:
    """S. B. Damelin, N. S. Hoang, "On Surface Completion and Image Inpainting by Biharmonic Functions", 2018; scikit-image's."""
    from skimage.restoration import inpaint_biharmonic

    unit = damaged.pixels / 255.0
    filled = inpaint_biharmonic(unit, damaged.mask, channel_axis=-1)
    return np.asarray(np.rint(np.clip(filled, 0, 1) * 255), np.uint8)


def patchmatch(damaged: Damaged) -> Pixels:
    """C. Barnes et al., "PatchMatch", SIGGRAPH 2009; PyPatchMatch's pyramid with voting, seeded."""
    patch_match = import_module("patchmatch.patch_match")  # by name: it need not be there
    patch_match.set_random_seed(PATCH_SEED)
    hole = damaged.mask.astype(np.uint8) * np.uint8(255)
    return np.asarray(patch_match.inpaint(damaged.pixels, hole, patch_size=PATCH_RADIUS_PX), np.uint8)


def _opencv(damaged: Damaged, how: int) -> Pixels:
    return np.asarray(cv2.inpaint(damaged.pixels, damaged.mask.astype(np.uint8), RADIUS_PX, how), np.uint8)


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
