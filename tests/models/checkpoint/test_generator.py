from __future__ import annotations

import contextlib
import itertools
import random
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.checkpoint.generator import read_generator
from models.engine import Engine
from models.lama import Lama, LamaConfig
from models.weights import Weights, WeightsInvalid, save_weights
from tests.models.checkpoint.conftest import lightning
from tests.models.checkpoint.reference import inpaint

TINY = LamaConfig(ngf=4, n_blocks=2, max_features=32)
PLAIN = LamaConfig(ngf=4, n_blocks=2)  # what names and shapes say of TINY
VARIANTS = [
    PLAIN,
    LamaConfig(ngf=4, n_blocks=1, ratio=0.5, n_downsampling=2),
    LamaConfig(ngf=4, n_blocks=1, ratio=0),
    LamaConfig(ngf=5, n_blocks=1, ratio=0.28, spectral=("l2g", "g2g")),
    LamaConfig(ngf=4, n_blocks=1, spectral=()),
    LamaConfig(ngf=4, n_blocks=1, spectral=("l2l", "l2g", "g2l", "g2g"), up_kernel=4),
    LamaConfig(ngf=4, n_blocks=0, n_downsampling=1),
    LamaConfig(ngf=4, n_blocks=3, blocks="regular"),
    LamaConfig(ngf=4, n_blocks=1, up_kernel=4, skip=True),
    LamaConfig(ngf=4, n_blocks=1, up_kernel=4, noise=True),
    LamaConfig(ngf=4, n_blocks=1, n_downsampling=2, blocks="regular", skip=True, noise=True),
    LamaConfig(ngf=4, n_blocks=1, n_downsampling=2, blocks="regular", up_kernel=4, max_features=10),
]


def difference(weights: Weights, state: dict[str, torch.Tensor], config: LamaConfig, side: int) -> float:
    """Largest difference between our engine's output and the reference's, both from 0 to 1."""
    rng = np.random.default_rng(0)
    image, mask = rng.random((side, side, 3), dtype=np.float32), np.zeros((side, side), bool)
    mask[side // 4 : side // 2, side // 3 :] = True
    plain = {key: value.double().numpy() for key, value in state.items()}
    expected = inpaint(
        plain, image.transpose(2, 0, 1).astype(float), mask * 1.0, config.n_downsampling, config.n_blocks
    )
    made = Engine(weights, device="cpu", precision="fp32").fill([image], [mask])[0]
    return float(np.abs(made - expected.transpose(1, 2, 0)).max())


@pytest.mark.parametrize("legacy", [False, True])
def test_an_official_folder_gives_the_outputs_of_the_papers_equations(official, tiny_model, legacy):
    found = read_generator(official(legacy=legacy))
    assert (found.format, found.weights.config) == ("official folder", TINY)
    assert found.left_out == {"discriminator": 1, "loss_resnet_pl": 1}
    state = tiny_model().state_dict()
    assert difference(found.weights, state, TINY, 48) < 1 / 255
    assert all(torch.equal(value, state[key]) for key, value in found.weights.tensors.items())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_big_lamas_shapes_give_the_outputs_of_the_papers_equations(official, tiny_model):
    config = LamaConfig()
    found = read_generator(official(config))
    assert sum(v.numel() for k, v in found.weights.tensors.items() if "running" not in k) == 50_975_875
    assert difference(found.weights, tiny_model(config).state_dict(), config, 32) < 1 / 255


def test_torchscript_is_read_without_being_run(torchscript, tiny_model, monkeypatch):
    path = torchscript
    monkeypatch.setattr(torch.jit, "load", None)
    found = read_generator(path)
    assert (found.format, found.weights.config, found.left_out) == ("torchscript", PLAIN, {})
    state = tiny_model().state_dict()
    assert all(torch.equal(value, state[key]) for key, value in found.weights.tensors.items())


KINDS = ("plain", "legacy", "safetensors", "ours", "safetensors")


@pytest.mark.parametrize(("config", "kind"), list(zip(VARIANTS, itertools.cycle(KINDS))), ids=str)
def test_every_shape_of_network_is_known_from_names_and_shapes(tmp_path, tiny_model, config, kind):
    state, path = tiny_model(config).state_dict(), tmp_path / "some.file"
    if kind == "safetensors":
        save_file({f"net.{key}": value for key, value in state.items()}, path)
    elif kind == "ours":
        save_weights(path, config, state, {"licence": "mine"}, half=False)
    else:
        torch.save(
            {f"module.generator.{k}": v for k, v in state.items()}, path, _use_new_zipfile_serialization=kind == "plain"
        )
    found = read_generator(path)
    assert found.weights.config == config
    assert found.about == ({"licence": "mine"} if kind == "ours" else {})
    built = found.weights.build()
    x = torch.rand(1, 4, 16, 24)
    with torch.inference_mode():
        assert torch.equal(built(x), tiny_model(config)(x))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_fp32(tmp_path, tiny_model, dtype):
    state = {key: v.to(dtype) if v.is_floating_point() else v for key, v in tiny_model().state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "x.pt")
    for key, value in read_generator(tmp_path / "x.pt").weights.tensors.items():
        assert value.dtype == torch.float32
        assert torch.equal(value, state[key].float())


def test_views_of_one_storage(tmp_path, tiny_model):
    """Tensors that share a storage, one of them transposed: what `torch.save` does not sort out."""
    state = dict(tiny_model().state_dict())
    flat = torch.cat([value.reshape(-1) for value in state.values() if value.is_floating_point()])
    at = 0
    for key, value in state.items():
        if value.is_floating_point():
            state[key] = flat[at : at + value.numel()].view(value.shape)
            at += value.numel()
    state["model.1.ffc.convl2l.weight"] = state["model.1.ffc.convl2l.weight"].transpose(2, 3)
    torch.save(state, tmp_path / "x.pt")
    tensors = read_generator(tmp_path / "x.pt").weights.tensors
    assert all(torch.equal(value, state[key]) for key, value in tensors.items())
    save_weights(tmp_path / "y.safetensors", TINY, tensors, {})


def test_a_zip_file_of_the_official_folder(tmp_path, official, tiny_model):
    folder = official()
    with zipfile.ZipFile(tmp_path / "big.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in ("config.yaml", "models/best.ckpt"):
            archive.write(folder / path, f"big/{path}")
    found = read_generator(tmp_path / "big.zip")
    assert found.format == "official folder"
    assert torch.equal(found.weights.tensors["model.1.ffc.convl2l.weight"], tiny_model().model[1].ffc.convl2l.weight)
    with zipfile.ZipFile(tmp_path / "big.zip", "a") as archive:
        archive.writestr("other/config.yaml", "")
    with pytest.raises(WeightsInvalid, match="2 models"):
        read_generator(tmp_path / "big.zip")
    with zipfile.ZipFile(tmp_path / "half.zip", "w") as archive:
        archive.write(folder / "config.yaml", "config.yaml")
    with pytest.raises(WeightsInvalid, match=r"best\.ckpt"):
        read_generator(tmp_path / "half.zip")


def changed(model: Lama, **tensors: torch.Tensor | None) -> dict[str, torch.Tensor]:
    state = dict(model.state_dict())
    for key, value in tensors.items():
        state.pop(key, None)
        if value is not None:
            state[key] = value
    return state


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model.18.bias": None}, "1 missing (first: model.18.bias)"),
        (
            {"model.5.conv1.ffc.convg2g.lfu.bn.weight": torch.rand(3)},
            "1 left over (first: model.5.conv1.ffc.convg2g.lfu",
        ),
        ({"model.18.bias": torch.rand(4)}, "1 of another shape (first: model.18.bias)"),
        ({"model.18.bias": torch.tensor([1, torch.nan, 0])}, "not finite"),
        ({"model.18.bias": torch.tensor([1, 2, 3])}, "torch.int64"),
        ({"model.1.ffc.convl2l.weight": None}, "no LaMa generator"),
    ],
)
def test_what_is_missing_left_over_or_different_is_said(official, tiny_model, change, said):
    folder = official()
    torch.save({"state_dict": changed(tiny_model(), **change)}, folder / "models" / "best.ckpt")
    with pytest.raises(WeightsInvalid) as refused:
        read_generator(folder)
    assert said in str(refused.value)


def test_a_checkpoint_that_does_not_fit_its_configuration(official):
    folder = official()
    config = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(config.replace("n_blocks: 2", "n_blocks: 3"))
    with pytest.raises(WeightsInvalid, match="missing"):
        read_generator(folder)


def test_a_network_of_absurd_size_is_refused_before_it_is_made(official):
    folder = official()
    config = (folder / "config.yaml").read_text()
    huge = (
        config.replace("ngf: 4", "ngf: 1024")
        .replace("features: 32", "features: 4096")
        .replace("blocks: 2", "blocks: 100")
    )
    (folder / "config.yaml").write_text(huge)
    with pytest.raises(WeightsInvalid, match="parameters"):
        read_generator(folder)


@pytest.mark.parametrize("kind", ["zip", "legacy", "torchscript", "safetensors"])
def test_a_file_that_was_cut_off_is_refused(official, torchscript, tmp_path, tiny_model, kind):
    path = {
        "zip": lambda: official() / "models" / "best.ckpt",
        "legacy": lambda: official(legacy=True) / "models" / "best.ckpt",
        "torchscript": lambda: torchscript,
        "safetensors": lambda: tmp_path / "x.safetensors",
    }[kind]()
    if kind == "safetensors":
        save_file(tiny_model().state_dict(), path)
    data = path.read_bytes()
    for size in (0, 1, 5, 8, 17, 40, 1000, -len(data) // 2, -200, -22, -1):
        path.write_bytes(data[:size])
        with pytest.raises(WeightsInvalid):
            read_generator(path)


@pytest.mark.parametrize("kind", ["zip", "legacy", "ours"])
def test_random_damage_is_read_or_refused(tmp_path, tiny_model, kind):
    config, rng = LamaConfig(ngf=2, n_blocks=1, n_downsampling=1), random.Random(0)
    state = tiny_model(config).state_dict()
    if kind == "ours":
        save_weights(tmp_path / "x", config, state, {})
    else:
        torch.save(state, tmp_path / "x", _use_new_zipfile_serialization=kind == "zip")
    data = (tmp_path / "x").read_bytes()
    for _ in range(100):
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 1, 3, 20))):
            at = rng.choice((rng.randrange(len(damaged)), max(0, len(damaged) - 1 - rng.randrange(3000))))
            damaged[at : at + rng.choice((1, 1, 0, 9))] = rng.randbytes(rng.choice((1, 1, 5, 0)))
        (tmp_path / "y").write_bytes(damaged)
        with contextlib.suppress(WeightsInvalid):
            read_generator(tmp_path / "y")


def test_a_missing_file_is_named(tmp_path):
    for path in (tmp_path / "nothing.ckpt", tmp_path):
        with pytest.raises(FileNotFoundError):
            read_generator(path)


def test_the_classes_of_the_checkpoint_are_absent():
    with pytest.raises(KeyError):
        lightning(torch.nn.Identity())
