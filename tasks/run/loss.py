"""Why an actor died: by itself, or because its node was lost, which says nothing about what it had in hand."""

from enum import Enum

import ray

from tasks.run.cluster import alive

# Ray's words where it knows; the class of the error is the same for a node and for a process.
NODE_DIED = "its node has died"


class Cause(Enum):
    """What an actor's death was due to."""

    PROCESS = "its process died"
    NODE = "its node was lost"
    UNKNOWN = "it is out of reach: dead, or cut off for a while"


def cause(error: "ray.exceptions.RayActorError", node: str | None) -> Cause:
    """What an actor's error says. node: the id of the node that it was on, where that is known.

    A lost node is found by missed health checks, seconds after the connections to its actors broke: until then UNKNOWN.
    """
    if error.preempted or NODE_DIED in str(error) or (node is not None and node not in alive()):
        return Cause.NODE
    return Cause.UNKNOWN if isinstance(error, ray.exceptions.ActorUnavailableError) else Cause.PROCESS


def never_started(error: "ray.exceptions.RayActorError") -> bool:
    """Whether its `__init__` raised: another try would raise the same."""
    return error.actor_init_failed or "creation task" in str(error) or "__init__" in str(error)
