"""Thirty inputs, good and bad, with what must become of each: thirty rows, the right types, the good ones done."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.fill.mask import dilate
from tasks.fill.settings import MaskSettings
from tests.support import decoded, encoded, lacuna, photo, read_sink, rows, spots, write

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Input:
    """An image, its masks by the name they have beside each other, and what is expected: a status, or an error."""

    image: bytes
    masks: dict[str, bytes]
    expected: str


def _png_bomb() -> bytes:
    """A header that announces 40,000 × 40,000 pixels, and hardly any data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9000))) + chunk(b"IEND", b"")
    )


def _inputs() -> dict[str, Input]:
    picture, mask = photo(90, 120, 1), encoded(spots(90, 120, 2), ".png")
    half, other = spots(90, 120, 3), spots(90, 120, 4)
    png = encoded(picture, ".png")

    def of(image: bytes, expected: str = "ok", mask: bytes = mask, suffix: str = ".png") -> Input:
        return Input(image, {suffix: mask}, expected)

    def cut(suffix: str) -> Input:
        data = encoded(picture, suffix)
        return of(data[: len(data) * 2 // 3], "ImageTruncated")

    return {
        "plain.jpg": of(encoded(picture, ".jpg")),
        "UPPER.JPEG": of(encoded(picture, ".jpg")),
        "plain.png": of(png),
        "plain.tif": of(encoded(picture, ".tif")),
        "plain.webp": of(encoded(picture, ".webp")),
        "grey.png": of(encoded(picture[:, :, :1], ".png")),
        "alpha.png": of(encoded(np.dstack([picture, half]), ".png")),
        "deep.png": of(encoded(picture.astype(np.uint16) * 257, ".png")),
        "sub/folder/name with  spaces.png": of(png),
        'it\'s "quoted".png': of(png),
        "naïve – 图像 é.png": of(png),
        "percent%20 #hash & [glob].png": of(png),
        "narrow.png": of(encoded(photo(4000, 1, 3), ".png"), mask=encoded(spots(4000, 1, 9, 8), ".png")),
        "flat.png": of(encoded(photo(1, 4000, 3), ".png"), mask=encoded(spots(1, 4000, 9, 8), ".png")),
        "two masks.png": Input(
            png, {"_mask001.png": encoded(half, ".png"), "_mask002.png": encoded(other, ".png")}, "ok"
        ),
        "nothing to do.jpg": of(encoded(picture, ".jpg"), "unchanged", encoded(np.zeros_like(half), ".png")),
        "no mask.png": Input(png, {}, "MaskMissing"),
        "cut.jpg": cut(".jpg"),
        "cut.png": cut(".png"),
        "cut.tif": cut(".tif"),
        "empty.png": of(b"", "ImageEmpty"),
        "text.png": of(b"<html>404 Not Found</html>" * 40, "ImageUnreadable"),
        "other size.png": of(png, "MaskSizeMismatch", encoded(spots(120, 90, 1), ".png")),
        "bomb.png": of(_png_bomb(), "ImageTooLarge"),
        "covered.png": of(png, "MaskCoversAll", encoded(np.full((90, 120), 255, np.uint8), ".png")),
        "bad mask.png": of(png, "MaskUnreadable", b"no picture at all"),
        "which mask.png": Input(png, {".png": mask, ".webp": encoded(half, ".webp")}, "PairAmbiguous"),
        "moving.gif": of(b"GIF89a" + bytes(60), "ImageUnsupported"),
        "directory.png/": of(b"", "ImageUnreadable"),
    }


def test_thirty_inputs(root: str, s3_server: Any) -> None:
    inputs = _inputs()
    if root.startswith("s3://") and s3_server is not None:
        inputs["forbidden.png"] = Input(inputs["plain.png"].image, inputs["plain.png"].masks, "StorageDenied")
        s3_server.fail("images/forbidden.png", method="GET", status=403, code="AccessDenied", times=10**9)
        assert len(inputs) == 30
    for name, given in inputs.items():
        if name.endswith("/"):
            _empty_folder(f"{root}/images/{name}")
        else:
            write(f"{root}/images/{name}", given.image)
        stem = name.rstrip("/").rpartition(".")[0]
        for suffix, data in given.masks.items():
            write(f"{root}/masks/{stem}{suffix}", data)
    sink = f"{root}/sink"
    record = lacuna("restore", f"{root}/images", f"{root}/masks", "--out", sink, expect=3)
    if s3_server is not None:
        s3_server.planned.clear()

    found = {r["image"].removeprefix(f"{root}/images/").rstrip("/"): r for r in rows(sink)}
    expected = {name.rstrip("/"): given.expected for name, given in inputs.items()}
    assert {name: r["error"] or r["status"] for name, r in found.items()} == expected
    assert len(rows(sink)) == len(inputs) == record["totals"]["items"]
    assert all(r["message"] for r in found.values() if r["status"] == "failed")

    outputs = {p.removeprefix("images/"): d for p, d in read_sink(sink).items() if p.startswith("images/")}
    assert outputs.keys() == {n for n, e in expected.items() if e in ("ok", "unchanged")}
    assert outputs["nothing to do.jpg"] == inputs["nothing to do.jpg"].image
    for name, data in outputs.items():
        before, after = decoded(inputs[name].image), decoded(data)
        assert (before.shape, before.dtype) == (after.shape, after.dtype)
        if found[name]["format"] != "jpeg":
            hole = np.any([decoded(m) > 127 for m in inputs[name].masks.values()], axis=0)
            known = ~dilate(hole, MaskSettings().dilate_px)
            assert (before[known] == after[known]).all(), name
    left = {name.rstrip("/"): data for name, data in read_sink(f"{root}/images").items()}
    assert left == {n.rstrip("/"): given.image for n, given in inputs.items() if n.rstrip("/") in left}


def _empty_folder(url: str) -> None:
    """An empty directory, or the zero-byte object that stands for one."""
    if url.startswith("s3://"):
        import boto3

        bucket, _, key = url.removeprefix("s3://").partition("/")
        client = boto3.client("s3")
        client.put_object(Bucket=bucket, Key=key, Body=b"")
        client.close()
    else:
        Path(url).mkdir(parents=True)
