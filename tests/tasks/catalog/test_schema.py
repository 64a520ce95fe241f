from tasks.catalog.schema import CATALOG_SCHEMA, PLAN_SCHEMA


def test_columns() -> None:
    assert CATALOG_SCHEMA.names == [
        "item_id",
        "image",
        "masks",
        "boxes",
        "output",
        "override",
        "bytes",
        "image_version",
        "mask_version",
        "error",
        "message",
    ]
    assert PLAN_SCHEMA.names == [*CATALOG_SCHEMA.names, "shard_id"]
