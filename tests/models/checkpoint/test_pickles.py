from __future__ import annotations

import contextlib
import io
import os
import pickle
import pickletools
import subprocess
import sys
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.checkpoint import pickles
from models.checkpoint.pickles import Global, Made, Persistent, mapping, read_pickle
from models.weights import WeightsInvalid

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8"))
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(max_size=5), inner) | st.lists(inner, max_size=5).map(tuple)
    ),
    max_leaves=30,
)


def read(data: bytes) -> Any:
    return read_pickle(io.BytesIO(data)).root


@given(TREES, st.integers(0, pickle.HIGHEST_PROTOCOL))
@settings(max_examples=150, derandomize=True, deadline=None)
def test_plain_data_comes_back(tree: Any, protocol: int) -> None:
    assert read(pickle.dumps(tree, protocol)) == tree
    shared = [tree, tree, {"again": tree}]
    assert read(pickle.dumps(shared, protocol)) == shared


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_other_containers_keep_their_entries(protocol: int) -> None:
    found = read(pickle.dumps({1, 2}, protocol))
    assert (found if protocol >= 4 else found.arguments[0]) == [1, 2]
    ordered = read(pickle.dumps(OrderedDict([("b", 1), ("a", [2])]), protocol))
    assert dict(mapping(ordered)) == {"b": 1, "a": [2]}
    assert dict(mapping(read(pickle.dumps(defaultdict(list, {"x": 1}), protocol)))) == {"x": 1}


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_bytes_come_back(protocol: int) -> None:
    assert read(pickle.dumps([b"", b"\x00\xff" * 200, "é"], protocol)) == [b"", b"\x00\xff" * 200, "é"]


def test_a_list_that_holds_itself() -> None:
    tree: list[Any] = [1]
    tree.append(tree)
    found = read(pickle.dumps(tree))
    assert found[1] is found


class Thing:
    def __init__(self, value: object) -> None:
        self.value = value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_objects_stay_notes_of_what_would_have_been_made(protocol: int) -> None:
    data = pickle.dumps([Thing({"a": 1}), Thing, Path("x"), len], protocol)
    found = read_pickle(io.BytesIO(data))
    thing, named, path, function = found.root
    assert isinstance(thing, Made) and thing.state == {"value": {"a": 1}}
    assert named == Global(Thing.__module__, "Thing") and str(named) == f"{Thing.__module__}.Thing"
    assert isinstance(path, Made)
    assert function.name == "len"
    assert {named, function} <= found.globals


def test_persistent_ids_are_kept() -> None:
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: object) -> object:
            return ("storage", 7) if obj is Thing else None

    out = io.BytesIO()
    Pickler(out, 2).dump([Thing])
    found = read_pickle(io.BytesIO(out.getvalue()))
    assert isinstance(found.root[0], Persistent) and found.root[0].id == ("storage", 7)
    assert found.persistent == (found.root[0],)


def test_the_old_ways_of_making_instances() -> None:
    for data in (b"(S'a'\nios\nsystem\n.", b"(cos\nsystem\nS'a'\no.", b"cos\nsystem\n(S'a'\ntR."):
        found = read_pickle(io.BytesIO(data))
        assert (found.root.maker, found.root.arguments) == (Global("os", "system"), ("a",))


def test_one_pickle_after_another() -> None:
    stream = io.BytesIO(pickle.dumps(1) + pickle.dumps([2]) + b"rest")
    assert [read_pickle(stream).root, read_pickle(stream).root, stream.read()] == [1, [2], b"rest"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",
        b"N",
        b"\x80",
        b"0.",
        b"t.",
        b"h\x00.",
        b"a.",
        b"]a.",
        b"Na.",
        b"N(e.",
        b"]s.",
        b"}(Nu.",
        b"NNb.",
        b"\x82\x01.",  # the extension registry
        b"\x97.",  # buffers beside the pickle
        b"NN\x93.",
        b"I" + b"9" * 10_000 + b"\n.",
        b"\x8d" + b"\xff" * 8 + b".",  # a text of 2⁶⁴ bytes
        b"\x8e" + b"\xff" * 7 + b"\x0f.",
        b"\x8b\xff\xff\xff\x7f.",
        b"Gabc",
        b"\xff\xff",
    ],
)
def test_what_is_no_pickle_is_refused(data: bytes) -> None:
    with pytest.raises(WeightsInvalid):
        read(data)


def test_endless_and_bottomless_pickles_end_and_have_a_bottom(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(WeightsInvalid, match="1000 operations"):
        patch.setattr(pickles, "MAX_OPCODES", 1000)
        read(b"N0" * 1000 + b".")
    deep = 200_000
    assert read(b"]" + b"]" * deep + b"a" * deep + b".") is not None
    nested = b")" + b"\x85" * deep  # a tuple in a tuple …: hashing it would overflow the stack
    assert len(read(b"}" + nested + b"Ns.")) == 1
    assert read(b"\x80\x02N" + b"r\xff\xff\xff\x7f" + b".") is None  # a memo of 2³¹ places, to Python's own reader


SEED = pickle.dumps({"state_dict": OrderedDict(a=[1, (2.5, "é")]), "things": {Thing, "x"}, "path": Path("y")}, 2)


@given(st.binary(max_size=12), st.integers(0, len(SEED)), st.integers(0, 12), st.sampled_from(pickletools.opcodes))
@settings(max_examples=400, derandomize=True, deadline=None)
def test_damaged_pickles_are_read_or_refused(patch: bytes, at: int, cut: int, opcode: Any) -> None:
    data = SEED[:at] + opcode.code.encode("latin-1") + patch + SEED[at + cut :]
    with contextlib.suppress(WeightsInvalid):
        read(data)


def test_nothing_is_imported_looked_up_or_called(tmp_path: Path) -> None:
    """Under an audit hook, in a process of its own: the interpreter itself says what happens."""
    (tmp_path / "trap.py").write_text("open('sprung', 'w').close()\nclass Trap: pass\n")
    program = """
import io, sys
from models.checkpoint.pickles import read_pickle
seen = []
sys.addaudithook(lambda event, arguments: seen.append(event))
for data in (
    b"ctrap\\nTrap\\n)R.", b"(itrap\\nTrap\\n.", b"(ctrap\\nTrap\\no.", b"ctrap\\nTrap\\n)\\x81.",
    b"\\x8c\\x04trap\\x8c\\x04Trap\\x93)R.", b"ctrap\\nTrap\\n)}\\x92.",
    b"cos\\nsystem\\n(S'touch sprung'\\ntR.", b"c__builtin__\\neval\\n(S'open(\\"sprung\\", \\"w\\")'\\ntR.",
    b"cbuiltins\\ngetattr\\n(cos\\n_wrap_close\\nS'__init__'\\ntR.", b"ctorch.hub\\nload\\n(S'x'\\ntR}b.",
):
    seen.clear()
    read_pickle(io.BytesIO(data))
    assert not set(seen) - {"object.__getattr__"}, seen
print("done")
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), str(tmp_path)])}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("done", "")
    assert not (tmp_path / "sprung").exists()
