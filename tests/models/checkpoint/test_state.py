from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn

from models.checkpoint.archive import Archive
from models.checkpoint.pickles import Global, Made
from models.checkpoint.state import MAX_DEPTH, module_tensors, state_dict
from models.weights import WeightsInvalid

TENSORS = OrderedDict(a=torch.rand(2), b=nn.Parameter(torch.rand(3, 1)))


@pytest.mark.parametrize(
    "tree",
    [
        TENSORS,
        dict(TENSORS),
        {"state_dict": TENSORS, "epoch": 3},
        {"state_dict": {**TENSORS, "n": 1, 7: TENSORS["a"]}},
        {"iteration": 3, "generator": TENSORS},
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict_bare_or_in_a_checkpoint(tmp_path, tree, zipped):
    torch.save(tree, tmp_path / "x", _use_new_zipfile_serialization=True)
    with Archive(tmp_path / "x") as archive:
        found = state_dict(archive.pickle().root)
        assert {key: tensor.shape for key, tensor in found.items()} == {"a": (2,), "b": (3, 1)}
        assert torch.equal(found["b"].view(archive.storage(found["b"].storage)), TENSORS["b"])


@pytest.mark.parametrize(
    "root", [None, [], {}, {"state_dict": None}, {"state_dict": [1]}, {"generator": 1}, {"a": 1}, Made(None, ())]
)
def test_what_has_no_state_dict(root):
    with pytest.raises(WeightsInvalid, match="no state_dict"):
        state_dict(root)


def test_a_traced_modules_tensors_have_their_usual_names(torchscript, tiny_model):
    with Archive(torchscript) as archive:
        assert archive.is_torchscript
        found = module_tensors(archive.pickle().root)
    assert found.keys() == {f"model.generator.{key}" for key in tiny_model().state_dict()}


def test_modules_that_hold_themselves_or_nothing():
    module = Made(Global("__torch__", "M"), ())
    module.state = {"m": module, "n": [module], 3: module, "training": True}
    with pytest.raises(WeightsInvalid, match="no named tensors"):
        module_tensors(module)
    many = Made(None, (), state={})
    many.state = {str(n): many for n in range(MAX_DEPTH)}  # 32^32 paths
    with pytest.raises(WeightsInvalid):
        module_tensors(many)
    for root in (None, 3, {}, Made(None, ())):
        with pytest.raises(WeightsInvalid):
            module_tensors(root)
