from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.lama import Lama, LamaConfig
from models.weights import (
    EMBEDDED,
    Weights,
    WeightsInvalid,
    WeightsNotFound,
    check_shapes,
    find_weights,
    known_weights,
    load_weights,
    save_weights,
    weights_sha256,
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LACUNA_HOME", str(tmp_path))
    return tmp_path / "weights"


def test_saved_weights_load_by_name_and_by_path(home, tiny_weights):
    path = home / "mine.safetensors"
    save_weights(path, tiny_weights.config, tiny_weights.tensors, {"source": "test"})
    loaded = load_weights("mine")
    assert (loaded.name, loaded.config) == ("mine", tiny_weights.config)
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() == weights_sha256("mine")
    assert known_weights() == ["lama-small", "mine"]
    assert find_weights(str(path)) == path
    state = load_weights(str(path)).build().state_dict()
    for name, tensor in tiny_weights.build().state_dict().items():
        torch.testing.assert_close(state[name], tensor, atol=1e-3, rtol=1e-3)
    assert list(home.iterdir()) == [path]


def test_building_touches_no_random_state_and_shares_no_memory(tiny_weights):
    before = torch.random.get_rng_state()
    model = tiny_weights.build()
    assert torch.equal(before, torch.random.get_rng_state())
    with torch.no_grad():
        model.model[-2].bias.fill_(7)
    assert not (tiny_weights.tensors["model.18.bias"] == 7).any()
    assert not model.training


@pytest.mark.parametrize("half", [True, False])
def test_numbers_are_halved_only_when_asked(home, tiny_weights, half):
    save_weights(home / "mine.safetensors", tiny_weights.config, tiny_weights.tensors, {}, half=half)
    equal = [torch.equal(v, tiny_weights.tensors[k]) for k, v in load_weights("mine").tensors.items()]
    assert all(equal) != half


def test_a_published_name_says_how_to_get_it():
    with pytest.raises(WeightsNotFound, match="lacuna weights get big-lama"):
        find_weights("big-lama")


def test_shapes_are_compared_without_making_tensors():
    huge = {"model.1.ffc.convl2l.weight": (2**40, 2**40, 7, 7)}
    with pytest.raises(WeightsInvalid, match=r"missing.*1 of another shape"):
        check_shapes("x", LamaConfig(), huge)


@pytest.mark.parametrize("name", ["nobody", "", "../lama-small", "no/such.safetensors", "a b", "."])
def test_unknown_weights_name_the_known_ones(name):
    with pytest.raises(WeightsNotFound, match="lama-small"):
        load_weights(name)


def _write(path: Path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("data", [b"", b"\x80\x04.", b"x" * 100, b"\xff" * 64])
def test_a_file_of_another_kind_is_refused(home, data):
    with pytest.raises(WeightsInvalid):
        load_weights(_write(home / "bad.safetensors", data))


@pytest.mark.parametrize(
    "metadata",
    [{}, {"config": "{"}, {"config": "[]"}, {"config": '{"ngf": 0}'}, {"config": '{"colour": 1}'}, {"config": "null"}],
)
def test_a_wrong_configuration_is_refused(home, tiny_weights, metadata):
    home.mkdir()
    save_file(dict(tiny_weights.tensors), home / "bad.safetensors", metadata)
    with pytest.raises(WeightsInvalid):
        load_weights("bad")


def test_names_shapes_and_numbers_are_checked(home, tiny_weights):
    tensors = dict(tiny_weights.tensors)
    for change, text in (
        ({"model.18.bias": torch.zeros(4)}, "of another shape"),
        ({"model.99.bias": torch.zeros(4)}, "left over"),
    ):
        with pytest.raises(WeightsInvalid, match=text):
            Weights("x", tiny_weights.config, tensors | change, "").build()
    del tensors["model.18.bias"]
    with pytest.raises(WeightsInvalid, match=r"missing.*model\.18\.bias"):
        Weights("x", tiny_weights.config, tensors, "").build()
    home.mkdir()
    broken = dict(tiny_weights.tensors) | {"model.18.bias": torch.full((3,), torch.nan)}
    save_file(broken, home / "nan.safetensors", {"config": json.dumps({})})
    with pytest.raises(WeightsInvalid, match="finite"):
        load_weights("nan")
    with pytest.raises(WeightsInvalid, match="finite"):
        save_weights(home / "nan2.safetensors", tiny_weights.config, broken, {})
    assert not (home / "nan2.safetensors").exists()


def test_embedded_weights_are_small_and_have_a_card():
    path = find_weights("lama-small")
    assert path.parent == EMBEDDED
    assert path.stat().st_size <= 12e6
    assert isinstance(load_weights("lama-small").build(), Lama)
    assert "Licence" in (EMBEDDED / "README.md").read_text(encoding="utf-8")


def test_naming_and_hashing_weights_needs_no_torch():
    code = "import sys, models, models.weights as w; w.weights_sha256('lama-small'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
