import json

import pytest

from tasks.errors import UsageError
from tasks.publish.sidecar import FACTS, read_sidecar, sidecar_path, write_sidecar
from tasks.store.objects import Store


def test_it_comes_back_as_it_was_written(root: str) -> None:
    store = Store(root)
    row = {"output": "a/ü.png", "item_id": "id", "status": "ok", "fill_s": 1.5}
    holes = [{"item_id": "id", "hole": 0, "x": 1, "y": 2, "w": 3, "h": 4, "area": 5, "corrections": ["seam"]}]
    write_sidecar(store, row, holes, {"kind": "file"})
    found = read_sidecar(store, "a/ü.png")
    assert found == {
        **dict.fromkeys(FACTS),
        "output": "a/ü.png",
        "item_id": "id",
        "holes": holes,
        "undo": {"kind": "file"},
    }


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"undo": 1}', json.dumps({"holes": []}).encode()])
def test_what_is_none_is_refused(root: str, data: bytes) -> None:
    store = Store(root)
    store.put(sidecar_path("a.png"), data)
    with pytest.raises(UsageError, match=r"a\.png"):
        read_sidecar(store, "a.png")
    with pytest.raises(FileNotFoundError):
        read_sidecar(store, "b.png")
