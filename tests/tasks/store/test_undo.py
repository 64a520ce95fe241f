import json

import numpy as np
import pytest

from tasks.errors import ImageUnreadable
from tasks.store.image import decode, encode, read_header
from tasks.store.settings import OutputSettings
from tasks.store.undo import Token, undo_token, undone
from tests.corpus.kinds import SIZE, Kind, kinds

KINDS = {kind.name: kind for kind in kinds()}


def holes(seed: int) -> np.ndarray:
    mask = np.zeros(SIZE, dtype=bool)
    rng = np.random.default_rng(seed)
    for _ in range(3):
        y, x = rng.integers(0, SIZE[0]), rng.integers(0, SIZE[1])
        mask[y : y + 14, x : x + 9] = True
    return mask


def filled(kind: Kind, mask: np.ndarray, settings: OutputSettings | None = None) -> bytes:
    header = read_header(kind.data, 1)
    pixels = decode(kind.data, header).copy()
    colours = header.channels - header.alpha
    noise = np.random.default_rng(1).random((int(mask.sum()), colours))
    scale = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
    pixels[mask, :colours] = (noise * scale).astype(pixels.dtype)
    return encode(pixels, kind.data, mask, settings).data


def taken(kind: Kind, output: bytes, mask: np.ndarray) -> Token:
    token: Token = json.loads(json.dumps(undo_token(kind.data, output, mask)))
    return token


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_comes_back(name: str) -> None:
    kind, mask = KINDS[name], holes(len(name))
    output = filled(kind, mask)
    token = taken(kind, output, mask)
    before, after = kind.read(kind.data), kind.read(undone(output, token))
    np.testing.assert_array_equal(after, before)
    assert not np.array_equal(kind.read(output), before, equal_nan=before.dtype.kind == "f")
    if name.startswith("jpeg"):
        assert token["kind"] == "blocks"
    else:
        assert token["kind"] == "pixels" or "palette" in name


@pytest.mark.parametrize(
    ("name", "settings"), [("jpeg 4:2:2", {"jpeg_splice": False}), ("webp lossy", {"webp_quality": 60})]
)
def test_what_was_coded_anew_is_kept_whole(name: str, settings: dict[str, int]) -> None:
    kind = KINDS[name]
    mask = holes(2)
    output = filled(kind, mask, OutputSettings(**settings))
    token = taken(kind, output, mask)
    assert token["kind"] == "file"
    assert undone(output, token) == kind.data


def test_a_token_follows_the_hole() -> None:
    kind = next(kind for name, kind in KINDS.items() if name.startswith("jpeg"))
    small, large = np.zeros(SIZE, dtype=bool), np.zeros(SIZE, dtype=bool)
    small[8:12, 8:12] = True
    large[8:60, 8:90] = True
    sizes = [len(json.dumps(taken(kind, filled(kind, mask), mask))) for mask in (small, large)]
    assert sizes[0] < sizes[1] / 4


@pytest.mark.parametrize("name", ["jpeg", "png"])
def test_another_file_or_a_damaged_token_is_refused(name: str) -> None:
    kind = next(kind for found, kind in KINDS.items() if found.startswith(name))
    mask = holes(3)
    output = filled(kind, mask)
    token = taken(kind, output, mask)
    elsewhere = np.roll(mask, 20, axis=1) & ~mask
    data = "components" if name == "jpeg" else "data"
    for wrong in (
        {**token, "pixels_sha256": "0" * 64},
        {**token, data: "no base64"},
        {k: v for k, v in token.items() if k != data},
        {**token, "kind": "pixels" if name == "jpeg" else "blocks"},
    ):
        with pytest.raises(ImageUnreadable):
            undone(output, wrong)
    with pytest.raises(ImageUnreadable):
        undone(filled(kind, elsewhere), token)
