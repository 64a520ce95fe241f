import datetime as dt
import re

import numpy as np
import pyarrow as pa

from tasks.publish.report.plots import plots


def results(count: int, seconds: float = 0.5) -> pa.Table:
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return pa.table(
        {
            "load_s": pa.array([0.1] * count, pa.float64()),
            "fill_s": pa.array([seconds * (n + 1) for n in range(count)], pa.float64()),
            "save_s": pa.array([None] * count, pa.float64()),
            "finished_at": pa.array(
                [start + dt.timedelta(seconds=2 * n) for n in range(count)], pa.timestamp("us", tz="UTC")
            ),
        }
    )


def holes(errors: list[float | None], areas: list[int]) -> pa.Table:
    return pa.table({"predicted_error": pa.array(errors, pa.float64()), "area": pa.array(areas, pa.int64())})


def test_nothing_to_draw_draws_nothing() -> None:
    assert plots(results(0), holes([], [])) == []
    assert [caption.split(":")[0] for caption, _ in plots(results(1), holes([None], [7]))] == [
        "seconds an item",
        "size of a hole",
    ]


def test_captions_say_the_middle_and_the_end_in_words() -> None:
    areas = [int(a) for a in np.geomspace(1, 1e6, 101)]
    found = dict(text.split(": ", 1) for text, _ in plots(results(50), holes([0.01] * 101, areas)) if ": " in text)
    assert found["size of a hole"] == "101, half of them below 1e+03, the highest 1e+06 pixels"
    assert found["expected error of a hole"].startswith("101, half of them below 0.01")


def test_drawings_are_elements_of_the_page_in_its_own_colours() -> None:
    table, marks = results(60), holes([0.01, 0.2], [4, 5000])
    first, again = plots(table, marks), plots(table, marks)
    assert first == again
    assert len(first) == 4
    for caption, svg in first:
        assert svg.startswith("<svg"), caption
        assert svg.rstrip().endswith("</svg>")
        assert "currentColor" in svg
        assert not re.search(r"#0[01]0[0-9]0[0-9]", svg)
