import json
import logging
from collections.abc import Iterator

import pytest

from tasks.errors import UsageError
from tasks.logs import FORM, LEVEL, ROOT, start_logging


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger(ROOT)
    before = root.handlers[:], root.level, root.propagate
    yield
    root.handlers[:], root.propagate = before[0], before[2]
    root.setLevel(before[1])


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    out = capsys.readouterr()
    assert out.out == ""
    return out.err.splitlines()


def test_a_line_of_json_is_an_object_with_what_it_is_about(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(FORM, "json")
    start_logging(worker="restorer-3", run_id="r1")
    log = logging.getLogger("lacuna.item")
    log.warning("item %s\nfailed", 'a"b', extra={"item_id": "x", "statuses": {"ok": 2}, "left": frozenset({"y"})})
    try:
        raise ValueError("why")
    except ValueError:
        log.exception("broken")
    first, second = (json.loads(line) for line in said(capsys))
    assert (first["level"], first["logger"], first["message"]) == ("WARNING", "lacuna.item", 'item a"b\nfailed')
    assert (first["worker"], first["run_id"], first["item_id"]) == ("restorer-3", "r1", "x")
    assert (first["statuses"], first["left"]) == ({"ok": 2}, ["y"])
    assert first["time"].endswith("+00:00") and isinstance(first["pid"], int)
    assert "exception" not in first and "ValueError: why" in second["exception"]


def test_text_is_for_people(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv(FORM, raising=False)
    monkeypatch.delenv(LEVEL, raising=False)
    start_logging()
    start_logging()  # no line is said twice
    logging.getLogger("lacuna.pool").info("not said")
    logging.getLogger("lacuna.pool").warning("said")
    (line,) = said(capsys)
    assert line.endswith(" WARNING lacuna.pool: said")


@pytest.mark.parametrize("form", ["text", "json"])
def test_credentials_are_in_neither(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(FORM, form)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush-hush")
    start_logging(about="s3://me:hush-too@bucket")
    log = logging.getLogger("lacuna.store")
    log.error(
        "with hush-hush-hush and https://h/x?sig=abcdef",
        extra={"url": "https://u:hush-three@h/", "all": ["hush-hush-hush"]},
    )
    try:
        raise OSError("https://u:hush-four@h/")
    except OSError:
        log.exception("so")
    text = "\n".join(said(capsys))
    assert "hush-" not in text and "abcdef" not in text and "***" in text


@pytest.mark.parametrize(("name", "value"), [(FORM, "xml"), (LEVEL, "loud")])
def test_what_does_not_exist_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"(?i){name}={value}.*allowed"):
        start_logging()


def test_the_level_is_the_environments(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(LEVEL, "info")
    start_logging()
    logging.getLogger("lacuna.restore").info("told")
    logging.getLogger("elsewhere").info("not ours")
    assert [line.split()[-1] for line in said(capsys)] == ["told"]
