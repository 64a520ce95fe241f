"""What a run writes down: rows of numbers, as lines of JSON while it goes on, and as Parquet and curves to look at."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from models.training.curves import draw_curves

log = logging.getLogger("lacuna.training")

Row = dict[str, float | int]


class Journal:
    """`log.jsonl`, `metrics.parquet` and `curves.png` in a folder. Every row has `step`.

    step: rows after it are forgotten: a resumed run writes them again.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._folder = folder
        self._lines = folder / "log.jsonl"
        self.rows: list[Row] = []
        if self._lines.is_file():
            read = [json.loads(line) for line in self._lines.read_text("utf-8").splitlines() if line.endswith("}")]
            self.rows = [row for row in read if step and row["step"] <= step]
        self._lines.write_text("".join(json.dumps(row) + "\n" for row in self.rows), "utf-8")

    def note(self, row: Row, remaining: str = "") -> None:
        """Add a row; `remaining` is said in the log only."""
        self.rows.append(row)
        with self._lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        shown = {key: value for key, value in row.items() if key != "done"}
        said = (f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in shown.items())
        log.info("%s%s", " ".join(said), f", {remaining}" if remaining else "")

    def publish(self) -> None:
        """Write the Parquet table (where pyarrow is installed) and the curves."""
        if not self.rows:
            return
        draw_curves(self._folder / "curves.png", self.rows)
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            log.warning("pyarrow is not installed: no metrics.parquet")
            return
        names = list(dict.fromkeys(key for row in self.rows for key in row))
        columns: dict[str, Any] = {}
        for name in names:
            kind = pyarrow.int64() if name == "step" else pyarrow.float64()
            columns[name] = pyarrow.array([row.get(name) for row in self.rows], kind)
        temporary = self._folder / "metrics.tmp"
        pyarrow.parquet.write_table(pyarrow.table(columns), temporary)
        temporary.replace(self._folder / "metrics.parquet")
