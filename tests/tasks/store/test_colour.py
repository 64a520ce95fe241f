import pickle
import struct
import threading
from collections.abc import Sequence
from functools import cache

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.fill.colour import Plain, Spanned, unit
from tasks.fill.fill import fill_image
from tasks.fill.membrane import membrane
from tasks.store.colour import Converted, colour_of
from tasks.store.formats.header import Header, Model
from tasks.store.formats.vips import library

D50, D65 = (0.3457, 0.3585, 1.0), (0.3127, 0.3290, 1.0)


def header(model: Model, bit_depth: int = 8, alpha: bool = False) -> Header:
    return Header("tiff", 9, 9, bit_depth, model, alpha)


def rgb_profile(white: tuple[float, ...], primaries: list[tuple[float, float]], gamma: float) -> bytes:
    flat = [value for x, y in primaries for value in (x, y, 1.0)]
    return imagecodecs.cms_profile("rgb", whitepoint=white, primaries=flat, gamma=gamma)


@cache
def profiles() -> dict[str, tuple[Model, bytes]]:
    """Profiles that are used as such, by name."""
    vips = library()
    return {
        "Adobe RGB, v2": ("rgb", imagecodecs.cms_profile("adobergb")),
        "Display P3": ("rgb", bytes(vips.Image.profile_load("p3"))),
        "ProPhoto": ("rgb", rgb_profile(D50, [(0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)], 1.8)),
        "Rec. 2020, v4": ("rgb", rgb_profile(D65, [(0.708, 0.292), (0.170, 0.797), (0.131, 0.046)], 2.4)),
        "linear sRGB": ("rgb", rgb_profile(D65, [(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)], 1.0)),
        "tables": ("rgb", tables_of(imagecodecs.cms_profile("adobergb"))),
        "grey 1.8": ("grey", imagecodecs.cms_profile("gray", gamma=1.8)),
        "press": ("cmyk", bytes(vips.Image.profile_load("cmyk"))),
    }


def tables_of(icc: bytes) -> bytes:
    """The same RGB space as tables to and from Lab (`mft2`, ICC.1:2001-04, 6.5.7)."""
    lab = imagecodecs.cms_profile("lab2")

    def table(source: bytes, target: bytes, names: tuple[str, str], size: int) -> bytes:
        axis = np.linspace(0, 1, size, dtype=np.float32)
        grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 1, 3)
        if names[0] == "lab":  # 16-bit Lab of version 2: 100 is 0xff00, 0 is 0x8000
            grid = (grid * 65535 / 65280 * [100, 255, 255] - [0, 128, 128]).astype(np.float32)
        out = imagecodecs.cms_transform(
            grid, source, target, colorspace=names[0], outcolorspace=names[1], outdtype=np.float32, intent=1
        ).reshape(-1, 3)
        if names[1] == "lab":
            out = (out + np.array([0, 128, 128])) / [100, 255, 255] * 65280 / 65535
        codes = np.rint(np.clip(out, 0, 1) * 65535).astype(">u2").tobytes()
        matrix = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
        straight = struct.pack(">6H", *(0, 65535) * 3)
        return (
            b"mft2\0\0\0\0" + bytes([3, 3, size, 0]) + matrix + struct.pack(">2H", 2, 2) + straight + codes + straight
        )

    tags = {
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061),
        b"A2B0": table(icc, lab, ("rgb", "lab"), 17),
        b"B2A0": table(lab, icc, ("lab", "rgb"), 33),
    }
    offset, directory, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        directory += name + struct.pack(">2I", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = bytearray(icc[:128])
    head[:4] = struct.pack(">I", offset + len(body))
    head[12:24] = b"mntrRGB Lab "
    return bytes(head) + struct.pack(">I", len(tags)) + directory + body


def lab_of(pixels: NDArray[np.generic], icc: bytes) -> NDArray[np.float32]:
    """(H, W, 3) in a profile's space -> Lab of D50."""
    flat = unit(pixels).reshape(-1, 1, 3)
    lab = imagecodecs.cms_profile("lab4")
    found = imagecodecs.cms_transform(flat, icc, lab, colorspace="rgb", outcolorspace="lab", outdtype=np.float32)
    return np.asarray(found).reshape(pixels.shape)


@pytest.mark.parametrize("name", profiles())
def test_what_is_seen_is_stored_again(name: str) -> None:
    """For colours that both sRGB and the profile can hold: within a few 8-bit steps through tables, else far closer."""
    model, icc = profiles()[name]
    colour, note = colour_of(icc, header(model))
    assert note is None
    assert isinstance(colour, Converted)
    rng = np.random.default_rng(0)
    channels = {"grey": 1, "rgb": 3, "cmyk": 4}[model]
    seen = colour.seen((0.3 + 0.4 * rng.random((20, 30, channels))).astype(np.float32))
    assert seen.shape == (20, 30, 3)
    assert seen.dtype == np.float32
    stored = colour.stored(seen)
    assert stored.shape == (20, 30, channels)
    assert stored.dtype == np.float32
    assert np.abs(colour.seen(stored) - seen).max() < {"press": 8 / 255, "tables": 2 / 255}.get(name, 2e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("name", ["grey 1.8", "Adobe RGB, v2", "press"])
def test_any_depth_looks_the_same(name: str, dtype: type) -> None:
    model, icc = profiles()[name]
    colour = Converted(icc, model)
    values = np.linspace(0, 1, 16 * 12)[:: {"grey": 3, "rgb": 1, "cmyk": 1}[model]]
    shape = {"grey": (8, 8, 1), "rgb": (8, 8, 3), "cmyk": (6, 8, 4)}[model]
    full = 1 if dtype == np.float32 else np.iinfo(dtype).max
    seen = colour.seen((values.reshape(shape) * full).astype(dtype))
    assert np.abs(seen - colour.seen(values.reshape(shape).astype(np.float32))).max() < 0.06
    assert seen.min() >= 0
    assert seen.max() <= 1


def test_white_black_and_grey_look_like_that() -> None:
    for model, icc in profiles().values():
        light = np.zeros((1, 1, 4), np.float32) if model == "cmyk" else np.ones((1, 1, 3), np.float32)
        dark = np.ones((1, 1, 4), np.float32) if model == "cmyk" else np.zeros((1, 1, 3), np.float32)
        channels = {"grey": 1, "rgb": 3, "cmyk": 4}[model]
        colour = Converted(icc, model)
        assert colour.seen(light[:, :, :channels]).min() > 0.99
        assert colour.seen(dark[:, :, :channels]).max() < 0.12
    grey = Converted(*reversed(profiles()["Adobe RGB, v2"])).seen(np.full((1, 1, 3), 0.5, np.float32))
    assert np.ptp(grey) < 1e-3


@pytest.mark.parametrize("model", ["rgb", "grey"])
def test_srgb_and_no_profile_are_plain(model: Model) -> None:
    assert isinstance(colour_of(None, header(model))[0], Plain)
    assert isinstance(colour_of(b"", header(model))[0], Plain)
    assert colour_of(None, header("grey", alpha=True))[0].channels == 1  # type: ignore[attr-defined]


def test_any_srgb_is_plain() -> None:
    for icc in (imagecodecs.cms_profile("srgb"), bytes(library().Image.profile_load("srgb"))):
        colour, note = colour_of(icc, header("rgb"))
        assert isinstance(colour, Plain)
        assert note is None


def test_cmyk_without_a_profile_has_libvips_own() -> None:
    colour, note = colour_of(None, header("cmyk"))
    assert isinstance(colour, Converted)
    assert note is None
    ink = np.array([[[0, 1, 1, 0]]], np.uint8) * np.uint8(255)
    red = colour.seen(ink)[0, 0]
    assert red[0] > 0.8
    assert red[1:].max() < 0.3


def test_floats_without_a_profile_are_shown_by_their_range() -> None:
    pixels = np.random.default_rng(0).normal(500, 50, (40, 40, 2)).astype(np.float32)
    core = np.zeros((40, 40), bool)
    core[5:30, 5:30] = True
    pixels[core] = 1e6
    pixels[:, :, 1] = -1e9  # alpha says nothing about colour
    colour, _ = colour_of(None, header("grey", 32, alpha=True), pixels, core)
    assert isinstance(colour, Spanned)
    assert colour.channels == 1
    assert 300 < colour.low < colour.high < 700
    assert isinstance(colour_of(None, header("grey", 32))[0], Plain)
    assert isinstance(colour_of(profiles()["grey 1.8"][1], header("grey", 32), pixels)[0], Converted)


def _with_gamma(gamma: float) -> bytes:
    """Adobe RGB with another curve (`curv` of one u8Fixed8)."""
    icc = imagecodecs.cms_profile("adobergb")
    at = icc.index(b"curv\0\0\0\0\0\0\0\1") + 12
    return icc.replace(icc[at - 4 : at + 2], icc[at - 4 : at] + round(gamma * 256).to_bytes(2, "big"))


@pytest.mark.parametrize(
    ("icc", "model", "reason"),
    [
        (b"\0", "rgb", "damaged"),
        (bytes(3_000_000), "rgb", "damaged"),
        (b"not a profile" * 100, "cmyk", "damaged"),
        (imagecodecs.cms_profile("adobergb")[:300], "rgb", "damaged"),
        (imagecodecs.cms_profile("adobergb") + bytes(33 << 20), "rgb", "damaged"),
        (imagecodecs.cms_profile("gray", gamma=2.2), "rgb", "GRAY"),
        (imagecodecs.cms_profile("adobergb"), "grey", "RGB"),
        (imagecodecs.cms_profile("adobergb"), "cmyk", "RGB"),
        (imagecodecs.cms_profile("lab4"), "rgb", "kind"),
        (imagecodecs.cms_profile("xyz"), "rgb", "kind"),
        (imagecodecs.cms_profile("null"), "grey", "one way"),
        (_with_gamma(0.004), "rgb", "no sense"),
    ],
)
def test_a_profile_that_cannot_be_used_is_none_with_a_note(icc: bytes, model: Model, reason: str) -> None:
    colour, note = colour_of(icc, header(model))
    assert isinstance(colour, Converted if model == "cmyk" else Plain)
    assert note is not None
    assert any(word in note for word in reason.split("|"))
    assert note.startswith("ICC profile not used: ")


def test_a_profile_without_a_way_back_is_none() -> None:
    model, icc = profiles()["tables"]
    assert colour_of(icc.replace(b"B2A0", b"B2A9"), header(model))[1] is not None


@given(st.sampled_from(sorted(profiles())), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=150, deadline=None)
def test_hostile_bytes_never_raise(name: str, seed: int, cut: bool) -> None:
    rng = np.random.default_rng(seed)
    model, icc = profiles()[name]
    data = bytearray(icc)
    for _ in range(int(rng.integers(1, 12))):
        data[int(rng.integers(0, min(len(data), 3000)))] = int(rng.choice([0, 255, rng.integers(256)]))
    if cut:
        del data[int(rng.integers(0, len(data))) :]
    colour, _ = colour_of(bytes(data), header(model))
    channels = {"grey": 1, "rgb": 3, "cmyk": 4}[model]
    seen = colour.seen(rng.integers(0, 256, (4, 5, channels), dtype=np.uint8))
    assert ((seen >= 0) & (seen <= 1)).all()
    assert np.isfinite(colour.stored(seen)).all()


def test_no_number_reaches_other_pixels() -> None:
    colour = Converted(*reversed(profiles()["Adobe RGB, v2"]))
    values = np.random.default_rng(0).random((5, 6, 3)).astype(np.float32)
    wild = values.copy()
    wild[2, 3] = np.nan, np.inf, -np.inf
    same = np.ones((5, 6), bool)
    same[2, 3] = False
    assert (colour.seen(wild)[same] == colour.seen(values)[same]).all()
    assert np.isfinite(colour.seen(wild)).all()


@pytest.mark.parametrize("name", profiles())
def test_nothing_to_convert(name: str) -> None:
    model, icc = profiles()[name]
    channels = {"grey": 1, "rgb": 3, "cmyk": 4}[model]
    assert Converted(icc, model).seen(np.zeros((0, 1, channels), np.uint8)).shape == (0, 1, 3)
    assert Converted(icc, model).stored(np.zeros((0, 1, 3), np.float32)).shape == (0, 1, channels)


def test_a_hole_among_no_numbers_is_filled() -> None:
    image = np.full((60, 80, 3), np.nan, np.float32)
    image[:5] = 0.5
    core = np.zeros((60, 80), bool)
    core[30:40, 30:50] = True
    done = fill_image(image, core, Smooth(), colour=Converted(*reversed(profiles()["Adobe RGB, v2"])))
    assert np.abs(done.pixels[done.mask] - 0.5).max() < 0.01
    assert np.isnan(done.pixels[5:][~done.mask[5:]]).all()


def test_threads_and_processes_may_share_it() -> None:
    colour = Converted(*reversed(profiles()["press"]))
    assert pickle.loads(pickle.dumps(colour)) == colour
    values = np.random.default_rng(0).random((64, 64, 4)).astype(np.float32)
    expected, found = colour.seen(values), {}
    team = [threading.Thread(target=lambda i=i: found.update({i: colour.seen(values)})) for i in range(4)]
    for thread in team:
        thread.start()
    for thread in team:
        thread.join()
    assert len(found) == 4
    assert all((seen == expected).all() for seen in found.values())


class Oracle:
    """Knows the truth as it is seen: what it is shown still lies in the hole."""

    def fill(self, crops: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(crops)


class Smooth:
    """Spans what it sees around the hole over it."""

    def fill(self, crops: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [membrane(crop, ~mask) for crop, mask in zip(crops, masks, strict=True)]


GRADIENTS = {
    "sky": ((0.25, 0.45, 0.75), (0.75, 0.82, 0.90)),
    "leaves": ((0.05, 0.70, 0.10), (0.35, 0.98, 0.30)),  # all outside sRGB
    "dusk": ((0.95, 0.05, 0.03), (0.60, 0.30, 0.20)),
    "out and in": ((0.60, 0.50, 0.40), (0.02, 0.90, 0.10)),
}


def gradient(name: str, height: int = 160, width: int = 200) -> NDArray[np.uint16]:
    y, x = np.mgrid[:height, :width]
    share = (0.8 * x / width + 0.2 * y / height)[:, :, None]
    first, last = (np.array(colour) for colour in GRADIENTS[name])
    return np.rint(65535 * (first * (1 - share) + last * share)).astype(np.uint16)


@pytest.mark.parametrize("generator", [Oracle(), Smooth()], ids=["oracle", "smooth"])
@pytest.mark.parametrize("profile", ["Adobe RGB, v2", "ProPhoto", "tables"])
@pytest.mark.parametrize("name", GRADIENTS)
def test_a_hole_in_a_gradient_shows_no_step_no_band_and_no_change_of_hue(
    name: str, profile: str, generator: Oracle | Smooth
) -> None:
    """16 bits, in and outside sRGB. One unit of Lab is what an eye just sees side by side."""
    icc = profiles()[profile][1]
    truth = gradient(name)
    y, x = np.mgrid[: truth.shape[0], : truth.shape[1]]
    core = (y - 80) ** 2 + (x - 100) ** 2 <= 35**2
    done = fill_image(truth, core, generator, colour=Converted(icc, "rgb"))
    assert (done.pixels[~done.mask] == truth[~done.mask]).all()

    expected, found = lab_of(truth, icc), lab_of(done.pixels, icc)
    inside = np.abs(np.hypot(y - 80, x - 100) - 35) < 4  # both sides of the frontier, the feather included
    assert np.linalg.norm(found - expected, axis=2)[inside].max() < 1.2
    hue = np.angle(
        np.exp(1j * (np.arctan2(found[..., 2], found[..., 1]) - np.arctan2(expected[..., 2], expected[..., 1])))
    )
    assert np.degrees(np.abs(hue[inside])).max() < 0.8
    # Step: the slope across the frontier against the truth's. Band: any slope inside that the truth has not.
    slope = np.abs(np.diff(done.pixels.astype(float) - truth, axis=1)).max(axis=2)
    steepest = np.abs(np.diff(truth.astype(float), axis=1)).max()
    frontier = np.diff(done.mask.astype(int), axis=1) != 0
    assert slope[frontier].max() < steepest
    assert np.abs(np.diff(lab_of(done.pixels, icc) - expected, axis=1)).max() < 1


@pytest.mark.parametrize("profile", ["Adobe RGB, v2", "ProPhoto"])
def test_without_what_is_carried_it_would_step(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The measure sees what it is meant to see."""
    monkeypatch.setattr("tasks.fill.fill.carried", lambda picture, mask, holes, fills: [None] * len(holes))
    icc = profiles()[profile][1]
    truth = gradient("leaves")
    core = np.zeros(truth.shape[:2], bool)
    core[60:100, 70:130] = True
    done = fill_image(truth, core, Oracle(), colour=Converted(icc, "rgb"))
    assert np.linalg.norm(lab_of(done.pixels, icc) - lab_of(truth, icc), axis=2).max() > 20


@given(
    name=st.sampled_from(sorted(profiles())),
    dtype=st.sampled_from([np.uint8, np.uint16, np.float32]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_outside_the_mask_nothing_changes_in_any_space(name: str, dtype: type, seed: int) -> None:
    model, icc = profiles()[name]
    rng = np.random.default_rng(seed)
    height, width = (int(v) for v in rng.integers(20, 90, 2))
    full = 1 if dtype == np.float32 else np.iinfo(dtype).max
    channels = {"grey": 1, "rgb": 3, "cmyk": 4}[model]
    image = (rng.random((height, width, channels)) * full).astype(dtype)
    core = np.zeros((height, width), bool)
    y, x = (int(rng.integers(0, n - 8)) for n in (height, width))
    core[y : y + 8, x : x + 8] = True
    before = image.copy()
    done = fill_image(image, core, Oracle(), colour=Converted(icc, model))
    assert done.pixels.dtype == image.dtype
    assert (done.pixels[~done.mask] == image[~done.mask]).all()
    assert (image == before).all()


@pytest.mark.parametrize("name", ["Adobe RGB, v2", "press"])
def test_a_hole_has_the_same_bytes_whatever_else_is_filled(name: str) -> None:
    model, icc = profiles()[name]
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (120, 700, 4 if model == "cmyk" else 3), dtype=np.uint8)
    left, right = np.zeros((2, 120, 700), bool)
    left[50:60, 40:60] = right[40:70, 600:610] = True
    colour = Converted(icc, model)
    both = fill_image(image, left | right, Smooth(), colour=colour).pixels
    for core in (left, right):
        one = fill_image(image, core, Smooth(), colour=colour)
        assert (both[one.mask] == one.pixels[one.mask]).all()


def test_cmyk_of_another_black_keeps_its_black() -> None:
    """A grey ramp printed in black alone: the profile itself would make it of four inks."""
    icc = profiles()["press"][1]
    image = np.zeros((120, 160, 4), np.uint8)
    image[:, :, 3] = np.linspace(20, 200, 160)
    core = np.zeros((120, 160), bool)
    core[45:75, 60:100] = True
    done = fill_image(image, core, Oracle(), colour=Converted(icc, "cmyk")).pixels
    wrong = np.abs(done.astype(int) - image)[core]
    assert wrong.mean(axis=0).max() < 3
    assert wrong.max() < 12
