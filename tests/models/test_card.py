from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.card import read_card, verify_weights
from models.lama import parameter_count
from models.weights import EMBEDDED, WeightsInvalid, WeightsNotFound, save_weights
from models.zoo.partial_conv import PartialConvConfig, PartialConvNet
from models.zoo.weights import save_zoo_weights


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LACUNA_HOME", str(tmp_path))
    return tmp_path / "weights"


@pytest.mark.parametrize("half", [True, False])
def test_a_file_says_what_it_is(home, tiny_weights, half):
    path = home / "mine.safetensors"
    save_weights(path, tiny_weights.config, tiny_weights.tensors, {"licence": "CC0"}, half=half)
    card = read_card("mine")
    assert (card.name, card.path, card.size) == ("mine", path, path.stat().st_size)
    assert card.config["ngf"] == tiny_weights.config.ngf
    assert card.about == {"licence": "CC0"}
    assert card.parameters == parameter_count(tiny_weights.config)
    assert verify_weights("mine") == card


def test_the_embedded_file_is_sound():
    card = verify_weights("lama-small")
    assert card.path.parent == EMBEDDED
    assert card.parameters > 1e6


def test_a_changed_number_is_noticed(home, tiny_weights):
    """Also where the file is a weights file still: bits rot, and people edit."""
    path = home / "mine.safetensors"
    save_weights(path, tiny_weights.config, tiny_weights.tensors, {})
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsInvalid, match="not those that were written"):
        verify_weights("mine")
    save_weights(path, tiny_weights.config, tiny_weights.tensors, {})
    header = path.read_bytes()
    at = 8 + int.from_bytes(header[:8], "little")
    metadata = json.loads(header[8:at])["__metadata__"]
    save_file(load_file(path), path, metadata | {"config": metadata["config"].replace(" ", "")})
    with pytest.raises(WeightsInvalid, match="not those that were written"):
        verify_weights("mine")


def test_a_file_from_before_there_were_digests_is_checked_for_what_it_is(home, tiny_weights):
    path = home / "old.safetensors"
    save_weights(path, tiny_weights.config, tiny_weights.tensors, {})
    config = {"config": json.dumps(dict(read_card("old").config))}
    tensors = load_file(path)
    save_file(tensors, path, config)
    assert verify_weights("old").digest == ""
    for change in ({"model.18.bias": torch.zeros(4)}, {"model.18.bias": torch.full((3,), torch.inf)}):
        save_file(tensors | change, path, config)
        with pytest.raises(WeightsInvalid):
            verify_weights("old")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 30,
        b"\x02\0\0\0\0\0\0\0[]",
        b"\x04\0\0\0\0\0\0\0null",
        b"\x09\0\0\0\0\0\0\0" + b'{"a": 1} ',
        b"\x20\0\0\0\0\0\0\0" + b'{"__metadata__": {"about": "7"}}',
        b"\x18\0\0\0\0\0\0\0" + b'{"__metadata__": [1, 2]}',
        (9000).to_bytes(8, "little") + b"[" * 9000,
    ],
)
def test_a_header_of_something_else_is_refused(home, data):
    home.mkdir()
    (home / "bad.safetensors").write_bytes(data)
    with pytest.raises(WeightsInvalid):
        read_card("bad")


def test_unknown_weights_are_not_found():
    for function in (read_card, verify_weights):
        with pytest.raises(WeightsNotFound):
            function("nobody")


def test_reading_a_card_needs_no_torch():
    code = "import sys, models.card as c; c.read_card('lama-small'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_weights_of_another_method_have_a_card_too(home):
    config = PartialConvConfig(widths=(4,))
    path = home / "mine.safetensors"
    save_zoo_weights(path, "partial-conv", config.model_dump(mode="json"), PartialConvNet(config).state_dict(), {})
    assert verify_weights("mine").config == {"widths": [4]}
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsInvalid, match="not those that were written"):
        verify_weights("mine")
    save_zoo_weights(path, "partial-conv", {"widths": [8]}, PartialConvNet(config).state_dict(), {})
    with pytest.raises(WeightsInvalid, match="do not fit"):
        verify_weights("mine")
