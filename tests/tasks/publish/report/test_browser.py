"""The page in a real browser, opened from disk: Playwright's core with the Chromium that the machine has."""

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tasks.publish.commit import commit_shard
from tasks.publish.report import items
from tasks.publish.report.page import write_report
from tasks.publish.run_record import write_run
from tasks.store.objects import Store

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"), pytest.mark.timeout(180)]

ODD = "<img src=x onerror=alert(1)>.png"
COUNT = 150


def sink_with_pictures(root: Path) -> Store:
    """150 filled items of which item 007 is the worst, five failures, two runs."""
    store = Store(str(root / "sink"))
    rng = np.random.default_rng(0)
    rows, holes = [], []
    for number in range(COUNT):
        name = ODD if number == 3 else f"folder/scan {number:03d}.png"
        item = f"id{number}"
        rows.append(
            {"item_id": item, "status": "ok", "image": f"/in/{name}", "mask": f"/masks/{number}.png", "output": name}
            | {"format": "png", "width": 400, "height": 300, "masked_fraction": 0.01 + number / 1000, "holes": 1}
            | {"load_s": 0.1, "fill_s": float(rng.random()), "save_s": 0.1}
        )
        holes.append(
            {"item_id": item, "hole": 0, "x": 100, "y": 100, "w": 60, "h": 40, "area": 2400, "candidates": 1}
            | {"fill_pass": "regions" if number % 3 else "whole", "corrections": ["seam"] if number % 2 else []}
            | {"predicted_error": 0.5 if number == 7 else float(rng.random()) / 10}
        )
        panels = np.repeat(np.array([[[0, 0, 255], [0, 255, 0], [0, 0, 0]]], np.uint8), 192, axis=1).repeat(160, axis=0)
        for end, picture in ((".jpg", panels[:, :200]), (".hole.jpg", panels)):
            _, data = cv2.imencode(".jpg", picture)
            store.put(f"report/pictures/{item}{end}", data.tobytes())
    rows += [
        {
            "item_id": f"bad{n}",
            "status": "failed",
            "error": "ImageEmpty",
            "message": f"<b>{n}</b>",
            "image": f"/in/bad {n}.png",
        }
        for n in range(5)
    ]
    commit_shard(store, "s1", rows, holes)
    write_run(
        store, {"run_id": "1-run", "state": "finished", "recipe": "fast", "image_root": "/in/", "mask_root": "/masks/"}
    )
    write_report(store)
    return store


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(items, "PAGE_ITEMS", 40)  # several pages of data
        yield Path(sink_with_pictures(tmp_path_factory.mktemp("browser")).root) / "report/index.html"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any, report: Path) -> Iterator[Any]:
    """The report, loaded whole. At the end: no error was logged, and no request left the folder."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("dialog", lambda dialog: (said.append(f"dialog {dialog.message}"), dialog.dismiss()))
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(report.as_uri())
    opened.wait_for_function(f"rows.length === {COUNT + 5}")
    yield opened
    context.close()
    assert said == []
    assert all(url.startswith((report.parent.as_uri(), "data:", "blob:")) for url in asked)


def names(page: Any) -> list[str]:
    found: list[str] = page.eval_on_selector_all(".card b", "nodes => nodes.map((node) => node.textContent)")
    return found


def test_the_worst_is_first_and_pages_turn(page: Any) -> None:
    assert page.text_content("#count") == "155 of 155 items"
    assert names(page)[0] == "folder/scan 007.png"
    assert len(names(page)) == 60
    page.click("#next")
    page.click("#next")
    assert (len(names(page)), page.text_content("#page")) == (35, "page 3 of 3")
    assert page.is_disabled("#next")
    page.select_option("#order", "name")
    assert names(page) == sorted(names(page))


def test_filters_and_search(page: Any) -> None:
    page.select_option("#status", "failed")
    assert page.text_content("#count") == "5 of 155 items"
    page.select_option("#status", "")
    page.select_option("#pass", "whole")
    assert page.text_content("#count") == "50 of 155 items"
    page.select_option("#correction", "none")
    assert page.text_content("#count") == "25 of 155 items"
    page.select_option("#pass", "")
    page.select_option("#correction", "")
    page.keyboard.press("/")
    page.keyboard.type("scan 01")
    page.wait_for_function("document.getElementById('count').textContent === '10 of 155 items'")


def test_names_are_text(page: Any) -> None:
    page.fill("#search", "onerror")
    page.wait_for_function("document.querySelectorAll('.card').length === 1")
    assert names(page) == [ODD]
    page.click(".card")
    assert page.text_content("#title") == ODD
    assert page.query_selector("img[src=x]") is None


def test_the_slider_moves_by_mouse_and_by_keys(page: Any) -> None:
    page.click(".card")
    page.wait_for_function("document.getElementById('compare')?.dataset.width === '192'")
    box = page.locator("#compare").bounding_box()
    assert (round(box["width"]), round(box["height"])) == (192, 160)
    at = "getComputedStyle(document.getElementById('compare')).getPropertyValue('--at')"
    assert page.evaluate(at) == "50%"
    page.focus("#slider")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(at) == "51%"
    page.locator("#slider").fill("10")
    assert page.evaluate(at) == "10%"
    # left of the edge what was before (red), right of it what came after (green)
    picture = page.locator("#compare").screenshot()
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    left, right = pixels[80, 5].astype(int), pixels[80, 150].astype(int)
    assert (left[2] > 200, left[1] < 60) == (True, True)
    assert (right[1] > 200, right[2] < 60) == (True, True)
    page.select_option("#zoom", "4")
    assert round(page.locator("#compare").bounding_box()["width"]) == 768
    title = page.text_content("#title")
    page.focus("#close")
    page.keyboard.press("ArrowRight")
    assert page.text_content("#title") != title
    page.keyboard.press("Escape")
    assert not page.evaluate("document.getElementById('viewer').open")


def test_decisions_survive_a_reload_and_leave_as_a_manifest(page: Any, report: Path) -> None:
    page.click(".card >> nth=0")
    page.keyboard.press("r")
    page.select_option("#preset", label="more surroundings")
    page.keyboard.press("Tab")
    page.focus("#close")
    page.keyboard.press("n")
    page.keyboard.press("l")
    page.keyboard.press("n")
    page.keyboard.press("g")
    page.keyboard.press("Escape")
    page.reload()
    page.wait_for_function(f"rows.length === {COUNT + 5}")
    assert page.text_content("#decided") == "1 good, 1 redo, 1 leave"
    with page.expect_download() as download:
        page.click("#export")
    exported = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8"))))
    assert len(exported) == 2
    redo = next(row for row in exported if row["name"] == "folder/scan 007.png")
    assert redo == {
        "image": "/in/folder/scan 007.png",
        "mask": "7.png",
        "name": "folder/scan 007.png",
        "override": '{"fill.context": 4}',
    }
    leave = next(row for row in exported if row is not redo)
    assert leave["override"] == '{"mask.ignore": true}'
    command = page.text_content("#command pre")
    assert str(report.parents[1]) in command
    assert "decisions.csv /masks/ --out" in command
    assert "source.root=/in/" in command


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_nothing_overflows(chromium: Any, report: Path, width: int, scheme: str, tmp_path: Path) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    opened = context.new_page()
    opened.goto(report.as_uri())
    opened.wait_for_function(f"rows.length === {COUNT + 5}")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    background = opened.evaluate("getComputedStyle(document.documentElement).colorScheme")
    assert background == "light dark"
    opened.screenshot(path=tmp_path / "page.png")
    opened.click(".card")
    opened.screenshot(path=tmp_path / "item.png")
    assert (tmp_path / "item.png").stat().st_size > 5000
    context.close()
