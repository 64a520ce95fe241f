"""Pickles read as data, by a machine that can build lists and dictionaries and call nothing.

Python's own unpickler imports what a file names and calls it with arguments of the file's choosing. This one has no
such operation: a name stays a `Global`, a call stays a `Made` that says what would have been called. So a file can name
classes that nobody has installed (a Lightning checkpoint does), and a malicious one is only strange to look at.

References
----------
[1] CPython, `Lib/pickletools.py`: the opcodes and their meaning.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from models.weights import WeightsInvalid

MAX_OPCODES = 5_000_000  # a checkpoint of big-lama with its optimiser has 2·10⁵; 5·10⁶ take some seconds


@dataclass(frozen=True, slots=True)
class Global:
    """The name of a class or function; never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, slots=True)
class Made:
    """What calling `maker` with `arguments` would have made, and what was put into it afterwards."""

    maker: object
    arguments: object
    items: list[object] = field(default_factory=list)
    pairs: dict[object, object] = field(default_factory=dict)
    state: object = None


@dataclass(eq=False, slots=True)
class Persistent:
    """Something outside the pickle, by its id: in torch's files a tensor's storage."""

    id: object


class Stream(Protocol):
    """Bytes to read on from: `io.BytesIO`, an open file, `mmap.mmap`."""

    def read(self, size: int, /) -> bytes: ...
    def readline(self) -> bytes: ...
    def tell(self) -> int: ...


@dataclass(frozen=True)
class Pickle:
    """One pickle: its object, and all names and persistent ids that occur in it."""

    root: object
    globals: frozenset[Global]
    persistent: tuple[Persistent, ...]


def read_pickle(stream: Stream) -> Pickle:
    """Read one pickle of any protocol, up to its STOP. Raises WeightsInvalid for bytes that are none."""
    machine = _Machine()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # odd backslashes in a text of protocol 0
            _run(machine, stream)
        return Pickle(machine.pop(), frozenset(machine.globals), tuple(machine.persistent))
    except (ValueError, LookupError, TypeError, OverflowError, MemoryError, AttributeError, EOFError) as error:
        if isinstance(error, WeightsInvalid):
            raise
        raise WeightsInvalid(f"not a pickle: {error or type(error).__name__}") from error


def _run(machine: _Machine, stream: Stream) -> None:
    for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):  # type: ignore[arg-type]
        if opcode.name == "STOP":
            return
        if count == MAX_OPCODES or opcode.name not in _DO:
            raise WeightsInvalid(f"not a checkpoint's pickle ({opcode.name} after {count} operations)")
        _DO[opcode.name](machine, argument)
    raise WeightsInvalid("not a pickle: it does not stop")


def mapping(node: object) -> Mapping[object, object]:
    """The entries of a dictionary, an `OrderedDict` or another class filled like one; empty for anything else."""
    if isinstance(node, dict):
        return node
    if not isinstance(node, Made):
        return {}
    entries: dict[object, object] = {}
    if isinstance(node.arguments, tuple | list) and len(node.arguments) == 1 and isinstance(node.arguments[0], list):
        # OrderedDict([[key, value], …]) of Python 2
        for pair in node.arguments[0]:
            if isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], str):
                entries[pair[0]] = pair[1]
    return entries | node.pairs


class _Machine:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []  # the stacks below each mark
        self.memo: dict[int, Any] = {}
        self.globals: set[Global] = set()
        self.persistent: list[Persistent] = []

    def push(self, value: object) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        return self.stack.pop()

    def take(self, count: int) -> list[Any]:
        """The `count` topmost values, in their order."""
        if count > len(self.stack):
            raise ValueError("the stack is empty")
        first = len(self.stack) - count
        taken = self.stack[first:]
        del self.stack[first:]
        return taken

    def mark(self) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def to_mark(self) -> list[Any]:
        """The values since the last mark."""
        taken, self.stack = self.stack, self.marked.pop()
        return taken

    def drop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.to_mark()

    def remember(self, index: int | None) -> None:
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def name(self, module: object, name: object) -> Global:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a name that is no text")
        found = Global(module, name)
        self.globals.add(found)
        return found

    def refer(self, identity: object) -> None:
        self.persistent.append(Persistent(identity))
        self.push(self.persistent[-1])

    def make(self, maker: object, arguments: object) -> None:
        self.push(Made(maker, arguments))

    def extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        items = target.items if isinstance(target, Made) else target
        if not isinstance(items, list):
            raise ValueError("values for what is no list")
        items.extend(values)

    def fill(self, values: list[Any]) -> None:
        target = self.stack[-1]
        pairs = target.pairs if isinstance(target, Made) else target
        if not isinstance(pairs, dict) or len(values) % 2:
            raise ValueError("keys and values for what is no dictionary")
        pairs.update(_pairs(values))

    def build(self) -> None:
        state = self.pop()
        if not isinstance(self.stack[-1], Made):
            raise ValueError("a state for what has none")
        self.stack[-1].state = state


def _pairs(values: list[Any]) -> dict[object, object]:
    return {_key(key): value for key, value in zip(values[::2], values[1::2], strict=True)}


def _key(key: object) -> object:
    """`key`, or a stand-in that is only equal to itself.

    Tuples are not hashed: a tuple nested a million deep would overflow the C stack.
    """
    plain = key is None or isinstance(key, str | bytes | int | float | Global | Made | Persistent)
    return key if plain else Made(None, key)


def _old_instance(machine: _Machine, named: str) -> None:
    module, _, name = named.partition(" ")
    machine.make(machine.name(module, name), tuple(machine.to_mark()))


def _instance(machine: _Machine) -> None:
    maker, *arguments = machine.to_mark()
    machine.make(maker, tuple(arguments))


def _extended(machine: _Machine) -> None:
    maker, *arguments = machine.take(3)
    machine.make(maker, tuple(arguments))


_LITERALS = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "BYTEARRAY8"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
)

# What each opcode [1] does. Those of the extension registry and of out-of-band buffers are missing: no checkpoint has them.
_DO: dict[str, Callable[[_Machine, Any], object]] = {
    **dict.fromkeys(_LITERALS, lambda m, value: m.push(value)),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), lambda m, index: m.remember(index)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, index: m.push(m.memo[index])),
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(True),
    "NEWFALSE": lambda m, _: m.push(False),
    "PROTO": lambda m, _: None,
    "FRAME": lambda m, _: None,
    "MARK": lambda m, _: m.mark(),
    "POP": lambda m, _: m.drop(),
    "POP_MARK": lambda m, _: m.to_mark(),
    "DUP": lambda m, _: m.push(m.stack[-1]),
    "MEMOIZE": lambda m, _: m.remember(None),
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    "TUPLE1": lambda m, _: m.push(tuple(m.take(1))),
    "TUPLE2": lambda m, _: m.push(tuple(m.take(2))),
    "TUPLE3": lambda m, _: m.push(tuple(m.take(3))),
    "TUPLE": lambda m, _: m.push(tuple(m.to_mark())),
    "EMPTY_LIST": lambda m, _: m.push([]),
    "LIST": lambda m, _: m.push(m.to_mark()),
    "APPEND": lambda m, _: m.extend(m.take(1)),
    "APPENDS": lambda m, _: m.extend(m.to_mark()),
    "EMPTY_SET": lambda m, _: m.push([]),  # a list does for what is never looked into
    "FROZENSET": lambda m, _: m.push(m.to_mark()),
    "ADDITEMS": lambda m, _: m.extend(m.to_mark()),
    "EMPTY_DICT": lambda m, _: m.push({}),
    "DICT": lambda m, _: m.push(_pairs(m.to_mark())),
    "SETITEM": lambda m, _: m.fill(m.take(2)),
    "SETITEMS": lambda m, _: m.fill(m.to_mark()),
    "GLOBAL": lambda m, named: m.push(m.name(*named.split(" ", 1))),
    "STACK_GLOBAL": lambda m, _: m.push(m.name(*m.take(2))),
    "PERSID": lambda m, identity: m.refer(identity),
    "BINPERSID": lambda m, _: m.refer(m.pop()),
    "REDUCE": lambda m, _: m.make(*m.take(2)),
    "NEWOBJ": lambda m, _: m.make(*m.take(2)),
    "NEWOBJ_EX": lambda m, _: _extended(m),
    "OBJ": lambda m, _: _instance(m),
    "INST": _old_instance,
    "BUILD": lambda m, _: m.build(),
}
