from __future__ import annotations

import subprocess
import sys

import models
from models.inpainter import Inpainter


def test_importing_the_package_imports_no_torch():
    done = subprocess.run(
        [sys.executable, "-c", "import sys, models; print('torch' in sys.modules, 'cv2' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", "False"]


def test_the_door_opens():
    assert models.__all__ == ["load_inpainter"]
    inpainter = models.load_inpainter(device="cpu", precision="fp32")
    assert isinstance(inpainter, Inpainter)
    assert inpainter.engine.info.name == "lama-small"
    assert inpainter.engine.info.precision == "fp32"
