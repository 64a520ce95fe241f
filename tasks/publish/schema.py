"""The columns of `results/` and `holes/`: explicit nulls, never a missing row."""

from typing import Any

import pyarrow as pa

# Quality of a fill, see docs/measures.md; null where there is nothing to measure, or what it takes was not given.
BLIND = [
    ("seam", pa.float64()),
    ("coherence", pa.float64()),
    ("colour_shift", pa.float64()),
    ("sharpness_ratio", pa.float64()),
    ("grain_ratio", pa.float64()),
    ("self_consistency", pa.float64()),
]

# Against the truth: null after a restore, which has none.
TRUTH = [
    ("psnr", pa.float64()),
    ("ssim", pa.float64()),
    ("l1", pa.float64()),
    ("mse", pa.float64()),
    ("feature_distance", pa.float64()),
    ("lpips", pa.float64()),
]

RESULTS_SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),
        ("shard_id", pa.string()),
        ("commit_id", pa.string()),
        ("item_id", pa.string()),
        ("image", pa.string()),
        ("mask", pa.string()),  # several masks of one image: joined by a line break
        ("output", pa.string()),  # relative to SINK/images; null where there is none
        ("image_version", pa.string()),
        ("mask_version", pa.string()),
        ("status", pa.string()),  # ok, unchanged, skipped, failed
        ("error", pa.string()),  # a type of tasks.errors
        (
            "message",
            pa.string(),
        ),  # why, where it failed; what of the original the output does not hold, where it did not
        ("attempts", pa.int32()),
        ("format", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("channels", pa.int32()),
        ("bit_depth", pa.int32()),
        ("masked_fraction", pa.float64()),
        ("holes", pa.int32()),
        ("recipe", pa.string()),
        ("generator", pa.string()),
        ("weights_sha256", pa.string()),
        ("settings_sha256", pa.string()),
        ("code_version", pa.string()),
        ("input_sha256", pa.string()),
        ("mask_sha256", pa.string()),
        ("output_sha256", pa.string()),
        ("input_bytes", pa.int64()),
        ("output_bytes", pa.int64()),
        ("device", pa.string()),
        ("threads", pa.int32()),
        ("load_s", pa.float64()),
        ("fill_s", pa.float64()),
        ("correct_s", pa.float64()),
        ("measure_s", pa.float64()),
        ("save_s", pa.float64()),
        ("finished_at", pa.timestamp("us", tz="UTC")),
        ("needs_review", pa.float64()),  # the largest predicted_error of the item's holes
        *BLIND,
        *TRUTH,
    ]
)

HOLES_SCHEMA = pa.schema(
    [
        ("commit_id", pa.string()),
        ("item_id", pa.string()),
        ("hole", pa.int32()),
        ("x", pa.int32()),
        ("y", pa.int32()),
        ("w", pa.int32()),
        ("h", pa.int32()),
        ("area", pa.int64()),
        ("fill_pass", pa.string()),
        ("corrections", pa.list_(pa.string())),
        ("candidates", pa.int32()),
        ("score", pa.float64()),  # the judge's expectation of the fill that was chosen; null where nothing was judged
        ("score_plain", pa.float64()),  # and of the one that the recipe makes without a judge
        ("predicted_error", pa.float64()),
        *BLIND,
    ]
)

# What differs between two runs that did the same: who, when and how fast.
VOLATILE = (
    "run_id",
    "shard_id",
    "commit_id",
    "attempts",
    "load_s",
    "fill_s",
    "correct_s",
    "measure_s",
    "save_s",
    "finished_at",
)

Row = dict[str, Any]


def to_table(rows: list[Row], schema: pa.Schema) -> pa.Table:
    """Rows with any subset of the columns -> a table with all of them; a key that is no column raises KeyError."""
    for row in rows:
        for key in row:
            if schema.get_field_index(key) < 0:
                raise KeyError(f"{key} is not a column")
    return pa.Table.from_pylist(rows, schema=schema)
