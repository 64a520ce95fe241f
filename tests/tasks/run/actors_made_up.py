"""Actors that only remember: each method's `.remote()` gives a reference whose answer the test decides."""

from dataclasses import dataclass, field
from typing import Any

import ray.exceptions


@dataclass(eq=False)
class Reference:
    """An answer to come."""

    actor: "Actor"
    method: str
    answer: Any = None


@dataclass(eq=False)
class Actor:
    """What a handle is to the driver. `asked`: all references so far."""

    options: dict[str, Any]
    arguments: tuple[Any, ...]
    asked: list[Reference] = field(default_factory=list)
    killed: bool = False

    def __getattr__(self, method: str) -> Any:
        actor = self

        class Method:
            def remote(self, *arguments: Any) -> Reference:
                actor.asked.append(Reference(actor, method, arguments))
                return actor.asked[-1]

        return Method()


class Ray:
    """The part of the module `ray` that drives actors; `born`: all of them."""

    exceptions = ray.exceptions

    def __init__(self) -> None:
        self.born: list[Actor] = []

    def kind(self) -> Any:
        """In the place of an actor class."""
        born = self.born

        class Kind:
            def options(self, **options: Any) -> "Kind":
                made = Kind()
                made.given = options  # type: ignore[attr-defined]
                return made

            def remote(self, *arguments: Any) -> Actor:
                born.append(Actor(getattr(self, "given", {}), arguments))
                return born[-1]

        return Kind()

    def get(self, reference: Reference) -> Any:
        if isinstance(reference.answer, Exception):
            raise reference.answer
        return reference.answer

    def kill(self, actor: Actor) -> None:
        actor.killed = True
