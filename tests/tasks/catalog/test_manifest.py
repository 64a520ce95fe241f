import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.catalog.manifest import Row, read_manifest
from tasks.errors import UsageError

ROWS: list[dict[str, Any]] = [
    {"image": "a b/ü,x.png", "mask": "m.png", "boxes": None, "name": "n.png", "override": {"b": {"d": 1, "c": 2}}},
    {"image": "y.png", "mask": ["m1.png", "[2].png"], "boxes": [[1, 2, 3, 4]], "name": None, "override": None},
    {"image": '"q".png', "mask": None, "boxes": None, "name": None, "override": {}},
]


def csv_of(rows: list[dict[str, Any]]) -> bytes:
    """The rows as CSV, everything that is no text as JSON."""
    lines = [",".join(rows[0])]
    for row in rows:
        cells = ["" if v is None else v if isinstance(v, str) else json.dumps(v) for v in row.values()]
        lines.append(",".join('"' + cell.replace('"', '""') + '"' for cell in cells))
    return ("\ufeff" + "\r\n".join(lines)).encode()


def parquet_of(rows: list[dict[str, Any]]) -> bytes:
    """The rows as Parquet: masks a list column, overrides a struct."""
    rows = [{**row, "mask": [row["mask"]] if isinstance(row["mask"], str) else row["mask"]} for row in rows]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def read(tmp_path: Path, name: str, data: bytes) -> list[Row]:
    """The rows of a manifest with these bytes."""
    (tmp_path / name).write_bytes(data)
    return list(read_manifest(str(tmp_path / name)))


def test_the_three_formats_say_the_same(tmp_path: Path) -> None:
    lines = "\n\n".join(json.dumps(row) for row in ROWS).encode()
    found = [
        read(tmp_path, "m.jsonl", lines),
        read(tmp_path, "m.csv", csv_of(ROWS)),
        read(tmp_path, "m.parquet", parquet_of(ROWS)),
    ]
    for rows in found:
        assert [row.image for row in rows] == ["a b/ü,x.png", "y.png", '"q".png']
        assert [row.masks for row in rows] == [("m.png",), ("m1.png", "[2].png"), ()]
        assert [row.name for row in rows] == ["n.png", None, None]
        assert [row.override for row in rows] == ['{"b":{"c":2,"d":1}}', None, None]
    assert [r[1].boxes for r in found] == [[[1, 2, 3, 4]], "[[1, 2, 3, 4]]", [[1, 2, 3, 4]]]
    assert [r[1].where.rpartition("/")[2] for r in found] == ["m.jsonl, line 3", "m.csv, line 3", "m.parquet, row 2"]


def test_only_the_image_is_needed(tmp_path: Path) -> None:
    assert read(tmp_path, "m.csv", b"image\nx.png\n")[0][1:] == ("x.png", (), None, None, None)
    assert read(tmp_path, "m.csv", b"mask,image\n[1].png,x.png\n")[0].masks == ("[1].png",)
    table = pa.table({"image": ["x.png"], "__index_level_0__": [7]})
    pq.write_table(table, tmp_path / "m.parquet")
    assert len(list(read_manifest(str(tmp_path / "m.parquet")))) == 1


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("m.csv", b"", "no column 'image'"),
        ("m.csv", b"mask\nx.png\n", "no column 'image'"),
        ("m.csv", b"image,maks\nx,y\n", "unknown columns ['maks']; allowed are image, mask, boxes, name, override"),
        ("m.csv", b"image,image\nx,y\n", "twice"),
        ("m.csv", b"image\nx.png\n\n,\n", "m.csv, line 4: more values"),
        ("m.csv", b"image,mask\nx.png,m\n,m\n", "m.csv, line 3: 'image' must be a path"),
        ("m.csv", b'image\n"x.png\n', "m.csv, line"),
        ("m.csv", b"image\ncaf\xe9.png\n", "not UTF-8"),
        ("m.csv", b"image,override\nx.png,{a\n", "m.csv, line 2: 'override' is no JSON"),
        ("m.csv", b"image,override\nx.png,[1]\n", "must be an object"),
        ("m.jsonl", b'{"image": "x"}\n{"image": \n', "m.jsonl, line 2: no JSON"),
        ("m.jsonl", b"[]\n", "line 1: not an object"),
        ("m.jsonl", b'{"image": 5}', "must be a path"),
        ("m.jsonl", b'{"image": "x", "mask": [1]}', "'mask' must be"),
        ("m.jsonl", b'{"image": "x", "mask": ""}', "'mask' must be"),
        ("m.jsonl", b'{"image": "x", "name": ""}', "'name' must be"),
        ("m.jsonl", b'{"image": "x", "extra": 1}', "line 1: unknown columns"),
        ("m.jsonl", b'{"image": "x", "override": {"a": NaN}}', "does not fit into JSON"),
        ("m.jsonl", b'{"image": "\\ud800.png"}', "half of a surrogate pair"),
        ("m.parquet", b"PAR1", "no readable Parquet"),
        ("m.parquet", b"", "no readable Parquet"),
    ],
)
def test_malformed(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, name, data)
    assert message in str(caught.value)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        list(read_manifest(str(tmp_path / "gone.csv")))
