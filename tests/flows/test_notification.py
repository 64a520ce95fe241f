"""Prefect's own webhook block, and a webhook of this process. Loaded from a server: tests/infra/test_deployments.py."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from prefect import flow
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.schemas.objects import FlowRun
from prefect.states import Failed

from flows.notification import VARIABLE, notify
from tests.webhook import webhook

RUN = FlowRun(id=uuid.uuid4(), flow_id=uuid.uuid4(), name="quiet-owl")


@flow(name="restore")
def nothing() -> None:
    """A flow to have a name."""


@pytest.fixture
def heard() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    with webhook() as made:
        yield made


def test_what_went_wrong_is_told_through_the_block_that_is_named(
    heard: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, said = heard
    block = CustomWebhookNotificationBlock(name="x", url=url, json_data={"title": "{{subject}}", "text": "{{body}}"})
    stored = {"custom-webhook/for-a-test": block}
    monkeypatch.setattr("flows.notification.Block.load", stored.__getitem__)
    monkeypatch.setenv(VARIABLE, "custom-webhook/for-a-test")
    notify(nothing, RUN, Failed(message="3 items failed"))
    (message,) = said
    assert message["title"] == "Lacuna: restore quiet-owl: Failed"
    assert message["text"].startswith("3 items failed")


def test_nothing_is_sent_where_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("flows.notification.Block.load", lambda name: pytest.fail(f"{name} was loaded"))
    notify(nothing, RUN, Failed(message="x"))
