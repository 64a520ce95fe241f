import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayActorError

from tasks.run import loss as module
from tasks.run.loss import Cause, cause, never_started


@pytest.fixture(autouse=True)
def two_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "alive", lambda: frozenset({"head", "other"}))


def test_a_process_that_died_on_a_node_that_lives() -> None:
    error = ActorDiedError()
    assert cause(error, "other") is Cause.PROCESS
    assert cause(error, None) is Cause.PROCESS


def test_a_node_that_is_gone_is_the_cause_whatever_the_error_says() -> None:
    """A machine that shuts down ends its processes first, and they are reported before it is."""
    assert cause(ActorDiedError(), "gone") is Cause.NODE
    assert cause(ActorUnavailableError("out of reach", None), "gone") is Cause.NODE


def test_ray_says_so() -> None:
    said = "The actor died because its node has died. Node Id: 67f1\n\tthe actor's node was terminated unexpectedly"
    assert cause(RayActorError(error_msg=said), None) is Cause.NODE
    assert cause(RayActorError(preempted=True), "other") is Cause.NODE


def test_a_broken_connection_says_nothing_yet() -> None:
    assert cause(ActorUnavailableError("Socket closed", None), "other") is Cause.UNKNOWN
    assert cause(ActorUnavailableError("Socket closed", None), None) is Cause.UNKNOWN


def test_who_fails_in_its_creation_would_fail_again() -> None:
    assert never_started(RayActorError(actor_init_failed=True))
    assert never_started(RayActorError(error_msg="an error raised in its creation task, ray::A.__init__()"))
    assert not never_started(ActorDiedError())
