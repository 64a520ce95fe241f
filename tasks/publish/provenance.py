"""Which code made a result."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What can change a pixel. Training, planning, scheduling and reporting cannot.
DECIDES_PIXELS = (
    "models/*.py",
    "tasks/fill/**/*.py",
    "tasks/correct/**/*.py",
    "tasks/judge/**/*.py",
    "tasks/judge/*.json",
    "tasks/store/image.py",
    "tasks/store/colour.py",
    "tasks/store/formats/*.py",
    "tasks/store/metadata/*.py",
    "tasks/run/item.py",
)
LIBRARIES = ("torch", "numpy", "opencv-python-headless", "pyvips-binary", "jpeglib", "imagecodecs", "pillow", "POT")


@cache
def code_version() -> str:
    """`<version>+<digest>`: the digest covers the source files, and the library versions, that decide pixels.

    A commit that touches none of them does not make a run's results "made by other code"; one that does, does.
    """
    digest = hashlib.sha256()
    for pattern in DECIDES_PIXELS:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    for name, found in library_versions().items():
        digest.update(f"{name}={found}\0".encode())
    return f"{_version('lacuna')}+{digest.hexdigest()[:12]}"


def library_versions() -> dict[str, str]:
    """Versions of the libraries that decide pixels, for the run record."""
    return {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
