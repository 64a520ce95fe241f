"""Logs of every process, on stderr: as text, or as one JSON object a line for whatever collects them.

The environment decides: LACUNA_LOG the level (WARNING), LACUNA_LOG_FORMAT `text` or `json`. What a record is about goes into
`extra`, and is a key of its own in JSON. Credentials are taken out of both.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tasks.errors import UsageError
from tasks.store.redact import redact

LEVEL = "LACUNA_LOG"
FORM = "LACUNA_LOG_FORMAT"
ROOT = "lacuna"  # every logger of the project is below it; others' loggers keep their own handlers

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def start_logging(**about: str) -> None:
    """Set the project's logger up for this process. about: said in every line of JSON, such as `worker` or `run_id`.

    Called again it starts anew. Raises UsageError for a level or a form that does not exist.
    """
    level, form = os.environ.get(LEVEL, "WARNING").upper(), os.environ.get(FORM, "text").lower()
    if level not in logging.getLevelNamesMapping():
        raise UsageError(f"{LEVEL}={level}: allowed are DEBUG, INFO, WARNING, ERROR, CRITICAL")
    if form not in ("text", "json"):
        raise UsageError(f"{FORM}={form}: allowed are text, json")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(about) if form == "json" else TextFormatter())
    root = logging.getLogger(ROOT)
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False  # a library that sets up the root logger would say every line once more


class TextFormatter(logging.Formatter):
    """`2026-01-31 12:00:00,000 WARNING lacuna.item: message`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        return redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """time (ISO 8601, UTC), level, logger, message, pid, `about`, what `extra` gave, and the traceback as `exception`."""

    def __init__(self, about: Mapping[str, str]) -> None:
        super().__init__()
        self._about = dict(about)

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
            **self._about,
            **{key: value for key, value in record.__dict__.items() if key not in _STANDARD},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(_clean(line), ensure_ascii=False, default=str)


def _clean(value: Any) -> Any:
    """Redacted before it is quoted: a quotation mark may end a secret."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {str(key): _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(each) for each in value]
    return value
