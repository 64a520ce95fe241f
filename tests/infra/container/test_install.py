"""The image's build step, with what is installed here in place of an index: nothing is fetched."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_what_the_image_copies_is_enough_to_install_and_to_fill(tmp_path: Path) -> None:
    source, made = tmp_path / "src", tmp_path / "made"
    for name in ("pyproject.toml", "README.md", "infra/constraints.txt", "infra/container/install"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    for name in ("flows", "tasks", "models"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    here = {
        "PYTHONPATH": os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), sysconfig.get_path("purelib")))),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this one the other way round
        "TORCH": "torch",
    }
    done = subprocess.run(
        [source / "infra/container/install", made],
        cwd=source,
        env={**os.environ, **here},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    installed = made / f"lib/{Path(sysconfig.get_path('purelib')).parent.name}/site-packages"
    # data beside the code is in the package too
    for name in ("flows/recipes.yaml", "models/embedded/lama-small.safetensors", "tasks/judge/expected.json"):
        assert (installed / name).read_bytes() == (ROOT / name).read_bytes()
    shipped = {
        path.relative_to(source) for room in ("flows", "tasks", "models") for path in (source / room).rglob("*.py")
    }
    assert {path for path in shipped if not (installed / path).exists()} == set()
