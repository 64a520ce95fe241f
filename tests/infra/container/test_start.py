"""The services of infra/compose.yaml, started here by the scripts that containers start them with; S3 is moto's server."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from tests.infra.stack import CONTAINER, Stack, free_port
from tests.support import rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    s3, ray = free_port(), free_port()
    scratch = tempfile.mkdtemp(prefix="ray")  # sockets lie below it, and their paths may not be long
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3}",
        "AWS_ACCESS_KEY_ID": "of-a-test",
        "AWS_SECRET_ACCESS_KEY": "of-a-test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "LACUNA_IMAGES": "s3://lacuna/scans",
        "LACUNA_MASKS": "s3://lacuna/masks",
        "LACUNA_SINK": "s3://lacuna/restored",
        "LACUNA_MANIFEST": "s3://lacuna/removal/boxes.jsonl",
        "LACUNA_REMOVED": "s3://lacuna/removed",
        "LACUNA_RECIPE": str(tmp_path / "archive.yaml"),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
        "RAY_PORT": str(ray),
        "RAY_TMPDIR": scratch,
    }
    with Stack(tmp_path, **environment) as stack:
        stack.start("s3", "moto_server", "--host", "127.0.0.1", "--port", str(s3))
        yield stack
    shutil.rmtree(scratch, ignore_errors=True)


def bucket(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> fsspec.AbstractFileSystem:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, stack.environment[name])
    return fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)


def options(*more: str) -> str:
    """Of `ray start`, for several nodes on one machine: nothing on a port that another may have."""
    ports = f"--ray-client-server-port {free_port()}" if "--head" in more else ""
    agent = f"--dashboard-agent-listen-port {free_port()} --metrics-export-port {free_port()}"
    rest = [word for word in more if word != "--head"]
    return f"--node-ip-address 127.0.0.1 --object-store-memory 100000000 {ports} {agent} {' '.join(rest)}"


def test_a_bucket_is_seeded_and_restored_on_the_cluster(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"127.0.0.1:{stack.environment['RAY_PORT']}"
    stack.start("ray-head", RAY_OPTIONS=options("--head", "--num-cpus", "0", "--include-dashboard", "false"))
    stack.start("server")
    for _ in range(2):  # again: the same objects
        seeded = stack.run(str(CONTAINER / "start"), LACUNA_ROLE="seed")
        assert seeded.returncode == 0, seeded.stderr
    assert len(bucket(stack, monkeypatch).ls("lacuna/scans")) == 7
    stack.healthy("ray-head")
    stack.start("ray-worker", RAY_ADDRESS=address, RAY_OPTIONS=options("--num-cpus", "2"))
    stack.healthy("server")
    stack.start("worker", RAY_ADDRESS=address, RAY_OPTIONS=options())
    stack.healthy("worker")

    state = stack.ended(stack.trigger("restore/archive", recipe="fast"))
    assert state["type"] == "COMPLETED", f"{state}\n{stack.log('worker')[-3000:]}"
    found = rows("s3://lacuna/restored")
    assert [row["status"] for row in found].count("ok") == 6
    assert len(bucket(stack, monkeypatch).find("lacuna/restored/images")) == 7
    # a node that goes down ends its container, so that the engine starts it anew
    assert stack.stop("ray-worker") == 143
    assert stack.stop("worker") == 143
    assert stack.stop("ray-head") == 143


def test_what_is_not_there_is_not_healthy(tmp_path: Path) -> None:
    with Stack(tmp_path, RAY_PORT=str(free_port())) as stack:
        for role in ("server", "worker", "ray-head"):
            assert stack.run(str(CONTAINER / "healthy"), role).returncode == 1, role
        unknown = stack.run(str(CONTAINER / "start"), LACUNA_ROLE="nobody")
        assert (unknown.returncode, "no such role" in unknown.stderr) == (2, True)
        missing = stack.run(str(CONTAINER / "deploy"), LACUNA_IMAGES="")
        assert (missing.returncode, "LACUNA_IMAGES" in missing.stderr) == (2, True)
        assert stack.run(str(CONTAINER / "start"), "echo", "said").stdout == "said\n"
