"""How long and how much memory planning takes: list, pair and cut into shards a tree of empty files.

    python infra/bench/plan.py --files 1000000                          500,000 images and as many masks
    python infra/bench/plan.py --committed 1000000 --new 1000           a night's run: with the sink's index, and without it

Half of the files are images, half masks in a folder of their own. With --committed there are only images (the mask is their
alpha channel) and a sink in which all but the new ones are done. Each side runs in a child process, so that its peak memory is
its own. Prints one JSON object; exit code 1 when --max-s or --max-mib is exceeded.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

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


def _settings() -> Any:
    from tasks.fill.settings import MaskSettings
    from tasks.run.settings import ItemSettings

    return ItemSettings(mask=MaskSettings(source="alpha"))


def make_sink(root: Path, items: int, in_shard: int) -> None:
    """Make `items` empty images below `root/images` and a sink `root/sink` in which all of them are done."""
    import pyarrow as pa

    from tasks.catalog.catalog import build_catalog
    from tasks.catalog.plan_file import append_plan
    from tasks.catalog.shards import cut_shards
    from tasks.publish.commit import RESULTS, write_table
    from tasks.publish.provenance import code_version
    from tasks.publish.schema import RESULTS_SCHEMA
    from tasks.run.prepare import _weights
    from tasks.store.objects import Store

    _make_images(root, 0, items)
    store = Store(str(root / "sink"))
    catalog = build_catalog(str(root / "images"), mask_source="alpha").table
    plan = append_plan(store, cut_shards(catalog, shard_items=in_shard, shard_bytes=2**40))
    made = {"status": "ok", "load_s": 0.1, "width": 2000, "height": 1500, "holes": 3, "format": "tiff"}
    settings = _settings()
    made |= {"weights_sha256": _weights(settings.model.name).sha256, "settings_sha256": settings.sha256()}
    made |= {"code_version": code_version(), "run_id": "bench", "input_sha256": "0" * 64, "output_sha256": "1" * 64}
    (root / "sink" / RESULTS).mkdir()
    for start in range(0, plan.num_rows, in_shard):
        part = plan.slice(start, in_shard)
        shard = part["shard_id"][0].as_py()
        same = {
            name: part[name] for name in ("item_id", "shard_id", "image", "output", "image_version", "mask_version")
        }
        columns = same | {
            field.name: pa.array([{**made, "commit_id": shard}.get(field.name)] * part.num_rows, field.type)
            for field in RESULTS_SCHEMA
            if field.name not in same
        }
        table = pa.table([columns[name] for name in RESULTS_SCHEMA.names], schema=RESULTS_SCHEMA)
        (root / "sink" / RESULTS / f"{shard}.parquet").write_bytes(write_table(table))


def _make_images(root: Path, start: int, end: int) -> None:
    for number in range(start, end):
        folder = root / "images" / f"{number // _IN_FOLDER // 100:03d}" / f"box {number // _IN_FOLDER:04d}"
        if number % _IN_FOLDER == 0 or number == start:
            folder.mkdir(parents=True, exist_ok=True)
        (folder / f"scan {number:07d} recto.tif").touch()


def measure_night(root: Path) -> dict[str, float]:
    """What a run finds out before it begins, in this process."""
    from tasks.catalog.settings import SourceSettings
    from tasks.run import known, prepare
    from tasks.run.settings import RuntimeSettings
    from tasks.store.objects import Store

    took = {"catalog_s": 0.0, "catalog_cpu_s": 0.0}
    build = prepare.build_catalog

    def timed(*args: Any, **options: Any) -> Any:
        began, cpu = time.perf_counter(), time.process_time()
        made = build(*args, **options)
        took.update(catalog_s=time.perf_counter() - began, catalog_cpu_s=time.process_time() - cpu)
        return made

    read: list[str] = []
    rows = known.read_results

    def counted(store: Any, shards: list[str], columns: list[str]) -> Any:
        read.extend(shards)
        return rows(store, shards, columns)

    vars(prepare)["build_catalog"], vars(known)["read_results"] = timed, counted
    store, source = Store(str(root / "sink")), SourceSettings()
    began, cpu = time.perf_counter(), time.process_time()
    found = prepare.prepare(
        str(root / "images"),
        None,
        store,
        source=source,
        items=_settings(),
        runtime=RuntimeSettings(),
        on_change="keep",
        retry=(),
        limit=None,
        restorers=2,
    )
    total, total_cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if found.todo.reasons != {"new": found.todo.items}:
        raise SystemExit(f"to be done, though only new images are there: {found.todo.reasons}")
    return {
        "to_do": found.todo.items,
        "shards_read": len(read),
        "comparing_s": round(total - took["catalog_s"], 2),
        "comparing_cpu_s": round(total_cpu - took["catalog_cpu_s"], 2),
        "listing_s": round(took["catalog_s"], 2),
        "peak_rss_mib": round(peak, 1),
    }


def measure_index(root: Path) -> dict[str, float]:
    """Making the index, in this process."""
    from tasks.run.index import PATH
    from tasks.run.known import refresh_index
    from tasks.store.objects import Store

    began, cpu = time.perf_counter(), time.process_time()
    if not refresh_index(Store(str(root / "sink"))):
        raise SystemExit("no index was written")
    return {
        "s": round(time.perf_counter() - began, 2),
        "cpu_s": round(time.process_time() - cpu, 2),
        "mib": round((root / "sink" / PATH).stat().st_size / 2**20, 1),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def night(root: Path, committed: int, new: int, in_shard: int) -> dict[str, Any]:
    """The same night's run without the index and with it; and what making the index took, at the end of the run before."""
    make_sink(root, committed, in_shard)
    index = in_child(root, "index")
    _make_images(root, committed, committed + new)
    away = root / "away"
    made = root / "sink" / "index"
    made.rename(away)
    without = in_child(root, "night")
    away.rename(made)
    with_index = in_child(root, "night")
    return {"committed": committed, "new": new, "without": without, "with_index": with_index, "making_it": index}


def in_child(root: Path, what: str) -> dict[str, float]:
    """One of the measures in a process of its own."""
    command = [sys.executable, __file__, "--in-child", what, "--tree", str(root)]
    child = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    found: dict[str, float] = json.loads(child.stdout)
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--max-s", type=float, default=60)
    parser.add_argument("--max-mib", type=float, default=1024)
    parser.add_argument("--tree", type=Path, help="plan this tree (images/ and masks/) instead of making one")
    parser.add_argument("--committed", type=int, help="images that are done already, of a night's run")
    parser.add_argument("--new", type=int, default=1000)
    parser.add_argument("--shard-items", type=int, default=250, help="in the shards that are done")
    parser.add_argument("--in-child", choices=CHILDREN, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_child:
        print(json.dumps(CHILDREN[options.in_child](options.tree)))
        return
    with tempfile.TemporaryDirectory(prefix="lacuna-plan-") as made:
        root = options.tree or Path(made)
        if options.committed:
            found = {
                **night(root, options.committed, options.new, options.shard_items),
                "load": round(os.getloadavg()[0], 2),
            }
            worst = found["with_index"]
            found["ok"] = worst["comparing_s"] + worst["listing_s"] <= options.max_s
        else:
            if not options.tree:
                make_tree(root, options.files)
            worst = in_child(root, "plan")
            found = {"files": options.files, **worst}
            found["ok"] = worst["total_s"] <= options.max_s
    found["ok"] = found["ok"] and worst["peak_rss_mib"] <= options.max_mib
    print(json.dumps(found))
    sys.exit(0 if found["ok"] else 1)


CHILDREN = {"plan": measure, "night": measure_night, "index": measure_index}

if __name__ == "__main__":
    main()
