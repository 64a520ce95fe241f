"""Trees of small files on local folders, S3 and another fsspec filesystem."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import fsspec
import pytest

from tasks.catalog.settings import SourceSettings

# Names that break code which quotes, splits, globs or parses them as URLs.
ODD_NAMES = (
    "with space.png",
    'it\'s "quoted".png',
    "Ärger über Œuvre – 写真.png",
    "cafe\u0301.png",  # decomposed: not the same name as the composed one
    "[1] what*is?this.png",
    "100%25 of #7 & a+b,c=d.png",
    "a:b;c.png",
    "tab\tand\\backslash.png",
    "~tilde.png",
    "UPPER.PNG",
)


@dataclass
class Tree:
    """Files below one root; `settings` allow its protocol."""

    root: str
    settings: SourceSettings

    def put(self, *names: str, data: bytes = b"x") -> None:
        """Make files (names relative to the root); a name ending in "/" is an empty folder."""
        for name in names:
            if self.root.startswith("/"):
                path = Path(self.root, name)
                if name.endswith("/"):
                    path.mkdir(parents=True)
                else:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
            elif self.root.startswith("s3"):
                import boto3

                bucket, _, folder = self.root.removeprefix("s3://").partition("/")
                client = boto3.client("s3")
                client.put_object(Bucket=bucket, Key=f"{folder}/{name}", Body=b"" if name.endswith("/") else data)
                client.close()
            else:
                filesystem = fsspec.filesystem("memory")
                path_there = f"{self.root.removeprefix('memory:/')}/{name}"
                if name.endswith("/"):
                    filesystem.makedirs(path_there)
                else:
                    filesystem.pipe_file(path_there, data)

    def url(self, name: str) -> str:
        """Full URL of a name."""
        return f"{self.root}/{name}"


@pytest.fixture
def local(tmp_path: Path) -> Tree:
    """A local tree."""
    (tmp_path / "tree").mkdir()
    return Tree(str(tmp_path / "tree"), SourceSettings())


@pytest.fixture
def bucket(s3: str) -> Tree:
    """A tree in a bucket."""
    return Tree(f"{s3}/tree", SourceSettings())


@pytest.fixture
def memory() -> Iterator[Tree]:
    """A tree on a filesystem without code of its own in the catalog."""
    name = uuid.uuid4().hex
    yield Tree(f"memory://{name}", SourceSettings(allowed_protocols=("memory",)))
    filesystem = fsspec.filesystem("memory")
    if filesystem.exists(f"/{name}"):
        filesystem.rm(f"/{name}", recursive=True)


@pytest.fixture(params=["local", "bucket", "memory"])
def tree(request: pytest.FixtureRequest) -> Tree:
    """The same tree on each of the three."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Tree)
    return found


@pytest.fixture
def odd_names() -> tuple[str, ...]:
    """File names that break careless code."""
    return ODD_NAMES
