"""Secrets that the command is given come out nowhere: not in what it says, the sink, Prefect's database, or Ray's logs."""

import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import Faults
from tests.support import archive, read_sink, rows, start, write

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SECRETS = {
    "AWS_ACCESS_KEY_ID": "planted-key-id-4711",
    "AWS_SECRET_ACCESS_KEY": "planted/secret+4711",
    "AWS_SESSION_TOKEN": "planted-token-4711",
}
PASSWORD = "planted-password-4711"


@pytest.fixture
def ray_folder() -> Iterator[Path]:
    """A short path: Ray's sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="lr-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_a_planted_secret_is_found_nowhere(s3: str, s3_faults: Faults, tmp_path: Path, ray_folder: Path) -> None:
    sink, images = f"{s3}/out", sorted(read_sink(archive(f"{s3}/in", 3, size=(48, 48)).images))
    lines = [f"images/{name},masks/{Path(name).with_suffix('.png')}" for name in images]
    lines.append("images/denied.png,masks/denied.png")
    signed = f"images/{images[0]},https://me:{PASSWORD}@example.org/m.png?X-Amz-Signature={PASSWORD}"
    homes = {"PREFECT_HOME": str(tmp_path / "prefect"), "RAY_TMPDIR": str(ray_folder), "HOME": str(tmp_path / "home")}
    said: dict[str, bytes] = {}
    for expected, listed in ((2, [*lines, signed]), (3, lines)):
        write(f"{s3}/in/list.csv", "\n".join(["image,mask", *listed]).encode())
        process = start("restore", f"{s3}/in/list.csv", "--out", sink, "--json", **SECRETS, **homes)
        out, err = process.communicate()
        assert process.returncode == expected, out + err
        said |= {f"said by {expected}": (out + err).encode()}
        assert (expected == 3) == bool(
            read_sink(sink)
        )  # a credential in a manifest is refused before anything is written

    assert sum(row["status"] in ("ok", "unchanged") for row in rows(sink)) == 3  # the keys were used
    assert {row["error"] for row in rows(sink) if row["status"] == "failed"} == {"StorageDenied"}
    said |= read_sink(sink)
    for folder in (tmp_path, ray_folder):
        said |= {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    tables = [(name, data) for name, data in said.items() if name.endswith(".parquet")]
    said |= {f"{name} decoded": str(pq.read_table(io.BytesIO(data)).to_pylist()).encode() for name, data in tables}
    assert tables and all(
        any(part in name for name in said) for part in ("prefect.db", "raylet.out", "runs/", "index.html")
    )
    secrets = [*SECRETS.values(), PASSWORD]
    assert {name: secret for name, data in said.items() for secret in secrets if secret.encode() in data} == {}
