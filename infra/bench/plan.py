"""How long and how much memory planning takes: list, pair and cut into shards a tree of empty files.

    python infra/bench/plan.py --files 1000000        500,000 images and as many masks

Half of the files are images, half masks in a folder of their own. The catalog runs in a child process, so that its peak
memory is its own. Prints one JSON object; exit code 1 when --max-s or --max-mib is exceeded.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_IN_FOLDER = 1000


def make_tree(root: Path, files: int) -> None:
    """Make `files` empty files: images below `root/images`, a mask for each below `root/masks`."""
    for number in range(files // 2):
        folder = f"{number // _IN_FOLDER // 100:03d}/box {number // _IN_FOLDER:04d}"
        if number % _IN_FOLDER == 0:
            (root / "images" / folder).mkdir(parents=True)
            (root / "masks" / folder).mkdir(parents=True)
        # What an archive's scans are called, at about the length of real names.
        name = f"scan {number:07d} recto"
        (root / "images" / folder / f"{name}.tif").touch()
        (root / "masks" / folder / (f"{name}.png" if number % 2 else f"{name}_mask001.png")).touch()


def measure(root: Path) -> dict[str, float]:
    """Catalog and shards in this process."""
    began = time.perf_counter()
    from tasks.catalog.catalog import build_catalog
    from tasks.catalog.shards import cut_shards

    imported = time.perf_counter()
    catalog = build_catalog(str(root / "images"), str(root / "masks"))
    listed = time.perf_counter()
    plan = cut_shards(catalog.table, shard_items=256, shard_bytes=2**30)
    done = time.perf_counter()
    paired = plan.num_rows - plan["error"].null_count
    if paired:
        raise SystemExit(f"{paired} items have errors: {plan['message'].drop_null()[0]}")
    return {
        "items": plan.num_rows,
        "shards": len(plan["shard_id"].unique()),
        "import_s": round(imported - began, 2),
        "catalog_s": round(listed - imported, 2),
        "shards_s": round(done - listed, 2),
        "total_s": round(done - began, 2),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "table_mib": round(plan.nbytes / 2**20, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--max-s", type=float, default=60)
    parser.add_argument("--max-mib", type=float, default=1024)
    parser.add_argument("--tree", type=Path, help="plan this tree (images/ and masks/) instead of making one")
    parser.add_argument("--in-child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_child:
        print(json.dumps(measure(options.tree)))
        return
    with tempfile.TemporaryDirectory(prefix="lacuna-plan-") as made:
        root = options.tree or Path(made)
        if not options.tree:
            make_tree(root, options.files)
        command = [sys.executable, __file__, "--in-child", "--tree", str(root)]
        child = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    found = {"files": options.files, **json.loads(child.stdout)}
    found["ok"] = found["total_s"] <= options.max_s and found["peak_rss_mib"] <= options.max_mib
    print(json.dumps(found))
    sys.exit(0 if found["ok"] else 1)


if __name__ == "__main__":
    main()
