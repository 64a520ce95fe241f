"""Which code made a benchmark's numbers: what decides pixels, and what damages and measures photos."""

import hashlib
from functools import cache

from tasks.publish.provenance import ROOT, code_version

MEASURES = (
    "tasks/run/benchmark/*.py",
    "tasks/run/generating.py",
    "models/backbones/*.py",
    *(f"models/training/{name}.py" for name in ("masks", "shapes", "features", "vgg", "resnet", "losses")),
)


@cache
def benchmark_version() -> str:
    """`<code_version>.<digest>` of the sources of both."""
    digest = hashlib.sha256()
    for pattern in MEASURES:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{code_version()}.{digest.hexdigest()[:12]}"
