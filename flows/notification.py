"""Tells people that a deployed run went wrong, through the Prefect notification block that `LACUNA_NOTIFY` names.

The block (Slack, Teams, e-mail, PagerDuty, a webhook …) holds the address and the password; here is only its name,
`type/name` as `prefect block ls` says it: `slack-webhook/lacuna`.
"""

import os
from typing import Any, Protocol, cast

from prefect.blocks import notifications  # noqa: F401 # a block is made by its class, which must be known by then
from prefect.blocks.core import Block
from prefect.client.schemas.objects import FlowRun, State
from prefect.settings import PREFECT_UI_URL

VARIABLE = "LACUNA_NOTIFY"


class _Notifier(Protocol):
    def notify(self, body: str, subject: str | None = None) -> None: ...


def notify(flow: Any, flow_run: FlowRun, state: State[Any]) -> None:
    """A hook for `on_failure` and `on_crashed`. Without the variable nothing is sent; what goes wrong is Prefect's log's."""
    block = os.environ.get(VARIABLE)
    if not block:
        return
    page = PREFECT_UI_URL.value()
    where = f"\n{page}/runs/flow-run/{flow_run.id}" if page else ""
    body = f"{state.message or 'no message'}{where}\nWhat is committed stays; the next run goes on."
    subject = f"Lacuna: {flow.name} {flow_run.name}: {state.name}"
    cast(_Notifier, Block.load(block)).notify(body, subject)
