"""The columns of a catalog and of a plan."""

import pyarrow as pa

CATALOG_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("image", pa.string(), nullable=False),  # full URL; a local file is an absolute path
        pa.field("masks", pa.list_(pa.string()), nullable=False),  # full URLs, sorted; they are united
        pa.field("boxes", pa.string()),  # JSON [[x, y, w, h], …] in pixels
        pa.field("output", pa.string(), nullable=False),  # relative to SINK/images
        pa.field("override", pa.string()),  # JSON object with sorted keys: settings of this item
        pa.field("bytes", pa.int64(), nullable=False),  # of the image as listed; 0 when it was not found
        pa.field("image_version", pa.string(), nullable=False),  # ETag, else "<size>-<time>"
        pa.field("mask_version", pa.string()),  # of all masks, joined by ";" in their order
        pa.field("error", pa.string()),  # a refusal found before reading: a type of tasks.errors
        pa.field("message", pa.string()),
    ]
)

PLAN_SCHEMA = CATALOG_SCHEMA.append(pa.field("shard_id", pa.string(), nullable=False))
