import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tasks.errors import UsageError
from tasks.publish import report as module
from tasks.publish.commit import commit_shard
from tasks.publish.report import write_report
from tasks.publish.run_record import write_run
from tasks.store.objects import Store

ODD = 'a "b" <i>&amp;\' 100%25 #é 図.png'


class Page(HTMLParser):
    """Links, pictures and text of a page; every tag must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.text = ""
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs)
        self.links += [str(given["href"])] if "href" in given else []
        self.pictures += [str(given["src"])] if "src" in given else []

    def handle_data(self, data: str) -> None:
        self.text += data


def ok(item: str, **changes: Any) -> dict[str, Any]:
    row = {"item_id": item, "status": "ok", "image": f"/in/{item}", "output": item, "format": "png", "width": 10}
    return row | {"height": 20, "masked_fraction": 0.25, "holes": 2, "fill_s": 0.5} | changes


def failed(item: str, error: str = "ImageEmpty") -> dict[str, Any]:
    return {
        "item_id": item,
        "status": "failed",
        "error": error,
        "message": f"<{item}> has no bytes",
        "image": f"/in/{item}",
    }


def page(store: Store) -> Page:
    return Page(Path(write_report(store)).read_text("utf-8"))


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
    assert found.pictures == []
    assert "Failures" not in found.text


def test_failures_come_with_what_to_do(store: Store) -> None:
    commit_shard(store, "s1", [ok("a.png"), failed("b.png"), failed("c.png"), failed("d.png", "Timeout")], [])
    found = page(store)
    assert found.text.index("ImageEmpty") < found.text.index("Timeout") < found.text.index("Filled images")
    assert module.WHAT_TO_DO["ImageEmpty"] in found.text
    assert "<b.png> has no bytes" in found.text  # said, not obeyed


def test_odd_names_are_links_that_lead_there(store: Store) -> None:
    commit_shard(store, "s1", [ok(ODD), failed(ODD + "x")], [])
    (Path(store.root) / "images").mkdir()
    (Path(store.root) / "images" / ODD).write_bytes(b"x")
    found = page(store)
    assert found.links == found.pictures
    (link,) = found.links
    assert (Path(store.root) / "report" / unquote(link)).resolve().exists()
    assert "i" not in found.tags
    assert f"/in/{ODD}x" in found.text


def test_the_most_masked_that_a_browser_shows_come_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PICTURES", 3)
    rows = [ok(f"{n}.png", masked_fraction=n / 10) for n in range(6)]
    rows += [
        ok("tiff.tif", format="tiff", masked_fraction=0.9),
        ok("copied.png", status="unchanged", masked_fraction=0.0),
    ]
    commit_shard(store, "s1", rows, [])
    assert [Path(p).name for p in page(store).pictures] == ["5.png", "4.png", "3.png"]


def test_a_long_list_says_where_the_rest_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FAILURES", 2)
    commit_shard(store, "s1", [failed(f"{n}.png") for n in range(5)], [])
    found = page(store)
    assert len(re.findall("> has no bytes", found.text)) == 2
    assert "and 3 more" in found.text


def test_runs_last_first_also_those_that_broke_off(store: Store) -> None:
    write_run(store, {"run_id": "1-a", "state": "interrupted"})
    write_run(store, {"run_id": "2-b", "state": "finished", "seconds": 3.5, "to_do": {"items": 77}})
    found = page(store)
    assert found.text.index("2-b") < found.text.index("1-a")
    assert "77" in found.text


def test_the_page_needs_nothing_from_elsewhere(store: Store) -> None:
    commit_shard(store, "s1", [ok("a.png")], [])
    found = page(store)
    assert not {"script", "link", "iframe"} & found.tags
    assert all(link.startswith("../images/") for link in [*found.links, *found.pictures])
