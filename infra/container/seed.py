"""The demo's damaged photos and masks, put where LACUNA_IMAGES and LACUNA_MASKS say; a bucket is made. For a first try."""

import os
import tempfile
from pathlib import Path

import fsspec

from flows.demo import make_demo


def main() -> None:
    """Again: the same objects."""
    with tempfile.TemporaryDirectory() as folder:
        for made, url in zip(
            make_demo(Path(folder)), (os.environ["LACUNA_IMAGES"], os.environ["LACUNA_MASKS"]), strict=True
        ):
            store, root = fsspec.core.url_to_fs(url)
            bucket = root.partition("/")[0]
            if "s3" in store.protocol and not store.exists(bucket):
                store.mkdir(bucket)
            for path in sorted(made.iterdir()):
                store.makedirs(root, exist_ok=True)
                store.pipe_file(f"{root}/{path.name}", path.read_bytes())
            print(f"{url}: {len(list(made.iterdir()))} files")


if __name__ == "__main__":
    main()
