import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ERROR_TYPES, UsageError
from tasks.publish.commit import commit_shard
from tasks.publish.report.advice import WHAT_TO_DO
from tasks.publish.report.page import write_report
from tasks.publish.run_record import write_run
from tasks.store.objects import Store

ODD = 'a "b" <i>&amp;\' 100%25 #é 図 </script><script>alert(1)</script>.png'


class Page(HTMLParser):
    """Elements of a page by tag, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.source = text
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def ok(item: str, **changes: Any) -> dict[str, Any]:
    row = {"item_id": item, "status": "ok", "image": f"/in/{item}", "output": item, "format": "png", "width": 10}
    return row | {"height": 20, "masked_fraction": 0.25, "holes": 2, "fill_s": 0.5} | changes


def failed(item: str, error: str = "ImageEmpty") -> dict[str, Any]:
    message = f"<{item}> has no bytes"
    return {"item_id": item, "status": "failed", "error": error, "message": message, "image": f"/in/{item}"}


def page(store: Store) -> Page:
    return Page(Path(write_report(store)).read_text("utf-8"))


def data(store: Store) -> list[dict[str, Any]]:
    """All rows of the list, as the page would read them."""
    found = []
    for number in range(len(store.names("report/data"))):
        text = store.read(f"report/data/{number}.js").decode()
        given = json.loads("[" + text.strip().removeprefix("lacunaPage(").removesuffix(");") + "]")
        assert given[0] == number
        found += [dict(zip(given[1], row, strict=True)) for row in given[2]]
    return found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(str(tmp_path / "sink"))
    write_run(made, {"run_id": "0-first", "state": "finished"})
    return made


def test_where_no_run_has_been_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run has been here"):
        write_report(Store(str(tmp_path / "typing error")))
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_items_has_a_page(store: Store) -> None:
    found = page(store)
    assert "Failures" not in found.text
    assert data(store) == []


def test_failures_come_first_with_what_to_do(store: Store) -> None:
    rows = [ok("a.png"), failed("b.png"), failed("c.png"), failed("d.png", "Timeout")]
    commit_shard(store, "s1", rows, [])
    found = page(store)
    assert found.text.index("ImageEmpty") < found.text.index("Timeout") < found.text.index("Items")
    assert WHAT_TO_DO["ImageEmpty"] in found.text
    assert "<b.png> has no bytes" in found.text  # said, not obeyed
    assert [row["status"] for row in data(store)] == ["failed"] * 3 + ["ok"]


def test_every_type_of_failure_has_its_advice() -> None:
    assert set(WHAT_TO_DO) == set(ERROR_TYPES)


def test_odd_names_are_text(store: Store) -> None:
    commit_shard(store, "s1", [ok(ODD), failed(ODD + "x")], [])
    write_run(store, {"run_id": "1-odd", "state": "finished", "recipe": ODD, "generator": ODD, "image_root": "/in/"})
    found = page(store)
    assert {row["name"] for row in data(store)} == {ODD, ODD + "x"}
    assert "i" not in {tag for tag, _ in found.elements}
    assert found.source.count("<script") == found.source.count("</script>") == 2
    about = found.source.partition('id="about">')[2].partition("</script>")[0]
    assert json.loads(about)["items"] == 2


def test_what_the_list_says_of_an_item(store: Store) -> None:
    hole = {"item_id": "a.png", "x": 1, "y": 1, "w": 2, "h": 3, "area": 5, "fill_pass": "regions"}
    holes = [
        {**hole, "hole": 0, "corrections": ["seam"], "predicted_error": 0.02},
        {**hole, "hole": 1, "corrections": [], "predicted_error": 0.07, "fill_pass": "whole"},
    ]
    commit_shard(store, "s1", [ok("a.png", mask="/m/a.png\n/m/b.png"), ok("b.tif", format="tiff")], holes)
    commit_shard(store, "s2", [ok("c.png", load_s=0.25, masked_fraction=0.5)], [])
    store.put("report/pictures/a.png.hole.jpg", b"x")
    page(store)
    first, second, third = data(store)
    assert (first["name"], first["review"], first["passes"], first["corrections"]) == (
        "a.png",
        0.07,
        ["regions", "whole"],
        ["seam"],
    )
    assert (first["mask"], first["picture"], first["scale"], first["shown"]) == ("a.png\nb.png", 1, 1.0, 1)
    assert (second["name"], second["seconds"], second["review"], second["picture"]) == ("c.png", 0.75, None, 0)
    assert (third["name"], third["shown"]) == ("b.tif", 0)


def test_runs_last_first_also_those_that_broke_off(store: Store) -> None:
    write_run(store, {"run_id": "1-a", "state": "interrupted"})
    write_run(store, {"run_id": "2-b", "state": "finished", "seconds": 3.5, "to_do": {"items": 77}})
    found = page(store)
    assert found.text.index("2-b") < found.text.index("1-a")
    assert "77" in found.text


def test_the_page_needs_nothing_from_elsewhere(store: Store) -> None:
    commit_shard(store, "s1", [ok("a.png"), ok("b.png", fill_s=2.0)], [])
    found = page(store)
    assert not {"iframe", "object"} & {tag for tag, _ in found.elements}
    for tag, given in found.elements:
        assert "src" not in given, tag
        assert (given.get("href") or "data:").startswith(("data:", "#")), tag
    rest = re.sub(r'(xmlns|DOCTYPE)[^>]*"http://www\.w3\.org[^>]*', "", found.source)
    assert "http" not in rest


def test_the_same_sink_gives_the_same_report(store: Store) -> None:
    commit_shard(store, "s1", [ok(f"{n}.png", fill_s=1.0 + n) for n in range(20)], [])
    first = page(store).source
    assert page(store).source == first
    assert "<svg" in first
