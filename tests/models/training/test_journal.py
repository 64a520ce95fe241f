from __future__ import annotations

import json
import logging
import sys

import pyarrow.parquet as pq
import pytest

from models.training.journal import Journal


def test_rows_become_lines_a_table_and_curves(tmp_path, caplog):
    book = Journal(tmp_path, 0)
    with caplog.at_level(logging.INFO):
        book.note({"step": 0, "minutes": 0.0, "medium_psnr": 15.5})
        book.note({"step": 50, "minutes": 1.5, "loss": 0.123456789}, "10% done, 9 min left")
    assert caplog.messages[1] == "step 50 minutes 1.5 loss 0.1235, 10% done, 9 min left"
    book.publish()
    table = pq.read_table(tmp_path / "metrics.parquet").to_pylist()
    assert table == [
        {"step": 0, "minutes": 0.0, "medium_psnr": 15.5, "loss": None},
        {"step": 50, "minutes": 1.5, "medium_psnr": None, "loss": 0.123456789},
    ]
    assert (tmp_path / "curves.png").is_file() and not (tmp_path / "metrics.tmp").exists()


def test_a_resumed_run_forgets_what_it_will_do_again(tmp_path):
    book = Journal(tmp_path, 0)
    for step in (0, 50, 100):
        book.note({"step": step, "loss": 1.0})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 150, "lo')  # cut off by a power failure
    assert [row["step"] for row in Journal(tmp_path, 60).rows] == [0, 50]
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 50]
    assert Journal(tmp_path, 0).rows == []


def test_without_pyarrow_the_lines_and_curves_stay(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    book = Journal(tmp_path, 0)
    book.publish()
    assert not (tmp_path / "curves.png").exists()
    book.note({"step": 0, "loss": 1.0})
    with caplog.at_level(logging.WARNING):
        book.publish()
    assert "pyarrow" in caplog.text and not (tmp_path / "metrics.parquet").exists()
    assert (tmp_path / "curves.png").is_file()


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_log_is_no_log(tmp_path, text):
    (tmp_path / "log.jsonl").write_text(text)
    assert Journal(tmp_path, 10).rows == []
