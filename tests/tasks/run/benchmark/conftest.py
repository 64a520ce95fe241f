from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from tasks.judge.networks import NetworkFiles
from tasks.run.benchmark.method import Damaged, Fill, Pixels, Unavailable
from tasks.run.benchmark.work import BenchmarkJob
from tests.support import encoded, photo


@dataclass(frozen=True)
class Plain:
    """A method that fills with one grey; or does as its name says: fails, is not installed, dies, hangs."""

    name: str
    grey: int = 100
    timed: bool = True

    def version(self, photo: str, kind: str) -> str:
        return str(self.grey)

    def load(self, threads: int) -> Fill:
        if self.name == "missing":
            raise Unavailable("not installed: pip install it")
        return self.fill

    def fill(self, damaged: Damaged) -> Pixels:
        assert not damaged.pixels[damaged.mask].any(), "the truth was handed to a method"
        if self.name == "faulty":
            raise ZeroDivisionError("a bug")
        return np.full_like(damaged.pixels, self.grey)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with three photos."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for number, name in enumerate(("a.png", "sub/b.png", "sub/c.png")):
        (folder / name).write_bytes(encoded(photo(72, 96, number), ".png"))
    return folder


@pytest.fixture
def job(tmp_path: Path) -> BenchmarkJob:
    return BenchmarkJob(str(tmp_path / "out"), 0, NetworkFiles(), NetworkFiles().sha256(), "code")


@pytest.fixture
def plain() -> type[Plain]:
    return Plain


@pytest.fixture
def damaged() -> Damaged:
    """A photo of 72 × 96 px with a box of 20 × 30 px in it."""
    pixels, mask = photo(72, 96, 5), np.zeros((72, 96), bool)
    mask[20:40, 30:60] = True
    pixels[mask] = 0
    return Damaged("sub/b.png", "thin", pixels, mask)


def read(path: Path) -> np.ndarray:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))
