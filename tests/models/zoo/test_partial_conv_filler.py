from __future__ import annotations

import numpy as np
import pytest
import torch

from models import load_inpainter
from models.weights import WeightsInvalid, WeightsNotFound
from models.zoo.filler import Given
from models.zoo.partial_conv import PartialConvConfig, PartialConvNet
from models.zoo.partial_conv_filler import PartialConvFiller, build
from models.zoo.weights import save_zoo_weights

CONFIG = PartialConvConfig(widths=(4, 8))


def network() -> PartialConvNet:
    torch.manual_seed(0)
    return PartialConvNet(CONFIG).eval()


def filler(**options) -> PartialConvFiller:
    return PartialConvFiller(network(), Given("partial-conv", device="cpu", options=options))


@pytest.mark.parametrize("seed", range(4))
def test_any_size_and_any_hole(seed):
    rng = np.random.default_rng(seed)
    shapes = [tuple(rng.integers(3, 60, 2)) for _ in range(3)]
    crops = [rng.random((*shape, 3), np.float32) for shape in shapes]
    masks = [rng.random(shape) < 0.5 for shape in shapes]
    masks[0][:] = True
    masks[1][:] = False
    made = filler().fill(crops, masks)
    for one, shape, crop, mask in zip(made, shapes, crops, masks, strict=True):
        assert one.shape == (*shape, 3) and one.dtype == np.float32 and one.min() >= 0 and one.max() <= 1
        other = np.where(mask[..., None], np.float32(0.7), crop)
        assert np.array_equal(filler().fill([other], [mask])[0], one), "neither neighbours nor the hole's pixels matter"


def test_a_deep_hole_is_seen_scaled_down():
    seen = []
    net = network()
    net.register_forward_pre_hook(lambda module, given: seen.append(tuple(given[0].shape[2:])))
    crop, mask = np.full((96, 128, 3), 0.5, np.float32), np.zeros((96, 128), bool)
    mask[16:80, 32:96] = True  # 32 px deep
    given = Given("partial-conv", device="cpu")
    PartialConvFiller(net, given).fill([crop], [mask])
    PartialConvFiller(net, Given("partial-conv", device="cpu", options={"deepest_px": None})).fill([crop], [mask])
    assert seen == [(24, 32), (96, 128)]


def test_weights_fill_by_name_and_by_path(home):
    save_zoo_weights(home / "partial-conv.safetensors", "partial-conv", CONFIG.model_dump(), network().state_dict(), {})
    rng = np.random.default_rng(0)
    image, mask = rng.integers(0, 255, (40, 50, 3), dtype=np.uint8), rng.random((40, 50)) < 0.3
    named = load_inpainter("partial-conv", "cpu")
    filled = named(image, mask)
    assert np.array_equal(filled[~mask], image[~mask]) and filled.dtype == np.uint8
    assert np.array_equal(load_inpainter(str(home / "partial-conv.safetensors"), "cpu")(image, mask), filled)
    unit = image / np.float32(255)
    made = filler().fill([unit], [mask])[0]
    assert np.array_equal(np.rint(made * 255)[mask], filled[mask])
    assert named.engine.info.weights_sha256 and named.engine.info.precision == "fp32"


def test_what_cannot_be_built_is_refused(home):
    with pytest.raises(WeightsNotFound, match="lacuna train"):
        load_inpainter("partial-conv")
    with pytest.raises(ValueError, match="needs weights"):
        build(Given("partial-conv"))
    path = home / "partial-conv.safetensors"
    save_zoo_weights(path, "partial-conv", {"widths": [4, 4]}, network().state_dict(), {})
    with pytest.raises(WeightsInvalid, match="do not fit"):
        load_inpainter("partial-conv")
    save_zoo_weights(path, "partial-conv", {"depth": 3}, network().state_dict(), {})
    with pytest.raises(WeightsInvalid, match="depth"):
        load_inpainter("partial-conv")
    with pytest.raises(ValueError, match="deepest_px"):
        filler(deepest_px=0)
