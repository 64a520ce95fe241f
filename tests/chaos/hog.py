"""`python -m tests.chaos.hog SPILL`: a Ray cluster whose object store is full, and whose spill folder holds no more.

Prints its address. A line on stdin makes room, which it says; at the end of stdin the cluster ends.
"""

import contextlib
import json
import sys
from pathlib import Path

import numpy as np
import ray

STORE_BYTES = 80 * 2**20  # about the least that Ray takes
PIECE_BYTES = 2 * 2**20


def main() -> None:
    """Start, fill, wait."""
    spill = {"type": "filesystem", "params": {"directory_path": str(Path(sys.argv[1]))}}
    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        _system_config={"object_spilling_config": json.dumps(spill), "local_fs_capacity_threshold": 0.9},
    )
    held = []
    for size in (PIECE_BYTES, PIECE_BYTES // 8):
        with contextlib.suppress(ray.exceptions.OutOfDiskError):
            while True:
                held.append(ray.put(np.zeros(size, np.uint8)))
    print(f"address {ray.get_runtime_context().gcs_address}", flush=True)
    sys.stdin.readline()
    held.clear()
    print("there is room", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
