from __future__ import annotations

import pytest
import torch

from models.checkpoint.pickles import Global, Made, Persistent
from models.checkpoint.stored import Storage, StoredTensor, stored_storage, stored_tensor
from models.weights import WeightsInvalid

V2 = Global("torch._utils", "_rebuild_tensor_v2")
FLOAT = Global("torch", "FloatStorage")


def persistent(*parts: object) -> Persistent:
    return Persistent(("storage", *parts))


def tensor(storage: object, *rest: object) -> Made:
    return Made(V2, (storage, *rest))


GOOD = persistent(FLOAT, "0", "cuda:0", 12)


def test_a_tensor_is_a_view_of_its_storage():
    data = bytearray(torch.arange(12, dtype=torch.float32).numpy().tobytes())
    found = stored_tensor(tensor(GOOD, 2, (2, 3), (1, 3), True, Made(Global("collections", "OrderedDict"), ())))
    assert found == StoredTensor(Storage("0", torch.float32, 12), 2, (2, 3), (1, 3))
    assert (found.numel, found.storage.size) == (6, 48)
    assert torch.equal(found.view(data), torch.arange(12.0).as_strided((2, 3), (1, 3), 2))
    empty = stored_tensor(tensor(persistent(FLOAT, "0", "cpu", 0), 0, (0, 3), (3, 1)))
    assert empty is not None and empty.view(bytearray()).shape == (0, 3)
    scalar = stored_tensor(tensor(GOOD, 11, (), ()))
    assert scalar is not None and scalar.view(data) == 11


def test_parameters_are_tensors_in_a_wrapper():
    inner = tensor(GOOD, 0, (12,), (1,))
    for module, name in (("torch._utils", "_rebuild_parameter"), ("torch.nn.parameter", "Parameter")):
        assert stored_tensor(Made(Global(module, name), (inner, True, None))) == stored_tensor(inner)


@pytest.mark.parametrize(
    "node",
    [
        None,
        7,
        Made(Global("os", "system"), (GOOD, 0, (1,), (1,))),
        Made(V2, ()),
        Made(V2, [GOOD, 0, (1,), (1,)]),
        Made(Global("torch._utils", "_rebuild_parameter"), ()),
        tensor(GOOD, 0, (1,)),
        tensor(GOOD, -1, (1,), (1,)),
        tensor(GOOD, 0, (-1,), (1,)),
        tensor(GOOD, 0, (1,), (1.0,)),
        tensor(GOOD, 0, (True,), (1,)),
        tensor(GOOD, 0, [1], (1,)),
        tensor(GOOD, 0, (1, 1), (1,)),
        tensor(GOOD, 0, (2**60,), (0,)),
        tensor(GOOD, 0, (1,) * 9, (1,) * 9),
        tensor("0", 0, (1,), (1,)),
    ],
)
def test_what_is_no_tensor(node):
    assert stored_tensor(node) is None


@pytest.mark.parametrize(
    "node",
    [
        None,
        Persistent("storage"),
        Persistent(("module", FLOAT, "0", "cpu", 1)),
        persistent(FLOAT, "0", "cpu"),
        persistent("FloatStorage", "0", "cpu", 1),
        persistent(Global("torch", "QUInt8Storage"), "0", "cpu", 1),
        persistent(FLOAT, 0, "cpu", 1),
        persistent(FLOAT, "0", "cpu", -1),
        persistent(FLOAT, "0", "cpu", 1, ("view", 0, 1)),
    ],
)
def test_what_is_no_storage(node):
    assert stored_storage(node) is None


def test_a_storage_of_the_old_format_has_a_sixth_part():
    assert stored_storage(persistent(FLOAT, "a", "cpu", 3, None)) == Storage("a", torch.float32, 3)


@pytest.mark.parametrize(
    ("offset", "shape", "stride", "size"),
    [
        (1, (12,), (1,), 48),
        (0, (2, 6), (7, 1), 48),
        (0, (13,), (0,), 48),  # repeats what is there
        (0, (2**40,), (0,), 48),
        (12, (1,), (1,), 48),
        (0, (12,), (1,), 47),
    ],
)
def test_a_view_beyond_its_storage_is_refused(offset, shape, stride, size):
    with pytest.raises(WeightsInvalid, match="more than its storage"):
        StoredTensor(Storage("0", torch.float32, 12), offset, shape, stride).view(bytearray(size))
