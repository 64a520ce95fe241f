"""Prefect's own webhook block, and a webhook of this process. Loaded from a server: tests/infra/test_deployments.py."""

import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from prefect import flow
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.schemas.objects import FlowRun
from prefect.states import Failed

from flows.notification import VARIABLE, notify

RUN = FlowRun(id=uuid.uuid4(), flow_id=uuid.uuid4(), name="quiet-owl")


@flow(name="restore")
def nothing() -> None:
    """A flow to have a name."""


@pytest.fixture
def heard() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    said: list[dict[str, Any]] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Webhook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", said
    server.shutdown()
    server.server_close()
    thread.join()


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
