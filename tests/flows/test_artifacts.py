import base64
import json
import re
import urllib.request
from pathlib import Path

import pytest
from prefect import flow
from prefect.settings import PREFECT_API_URL

from flows import artifacts
from flows.artifacts import link_to, publish_benchmark, publish_restore
from tasks.publish.commit import commit_shard, read_results
from tasks.publish.totals import totals
from tasks.store.objects import Store

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.timeout(200)]


def latest(key: str) -> str:
    with urllib.request.urlopen(f"{PREFECT_API_URL.value()}/artifacts/{key}/latest", timeout=30) as answer:
        return str(json.load(answer)["data"])


@pytest.fixture(autouse=True)
def there(prefect_server: None) -> None:
    from flows.server import wait_for_api

    wait_for_api()


def test_a_run_shows_totals_quality_and_where_the_report_lies(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "a sink"))
    rows = [{"item_id": str(n), "status": "ok", "load_s": 0.1, "fill_s": 0.5 + n, "save_s": 0.1} for n in range(4)]
    rows += [{"item_id": "x", "status": "failed", "error": "ImageEmpty"}]
    holes = [{"item_id": str(n), "hole": 0, "area": 50 + n, "predicted_error": 0.01 * (n + 1)} for n in range(4)]
    commit_shard(store, "s", rows, holes)
    counted = totals(read_results(store))
    record = {"run_id": "run-7", "totals": counted, "report": store.url("report/index.html")}

    @flow
    def show() -> None:
        publish_restore(record, store)

    show()
    assert "| items | 5 |" in latest("restore-summary")
    assert "| failed: ImageEmpty | 1 |" in latest("restore-summary")
    assert f"[Report]({(tmp_path / 'a sink/report/index.html').as_uri()})" in latest("restore-report")
    quality = latest("restore-quality")
    assert "expected error of a hole: 4, half of them below" in quality
    pictures = [base64.b64decode(data).decode() for data in re.findall(r"base64,([^)]*)\)", quality)]
    assert len(pictures) == 3
    for svg in pictures:
        assert svg.startswith("<svg") and svg.rstrip().endswith("</svg>")
        assert "currentColor" not in svg and "var(" not in svg


def test_of_many_shards_a_sample_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "SHARDS", 3)
    store = Store(str(tmp_path))
    for n in range(8):
        rows = [{"item_id": str(n), "status": "ok", "load_s": 0.1, "fill_s": 0.5, "save_s": 0.1}]
        commit_shard(store, f"s{n}", rows, [{"item_id": str(n), "hole": 0, "area": 9, "predicted_error": 0.1}])
    text = artifacts._quality(store)
    assert text.startswith("Of 3 of 8 shards.")
    assert "expected error of a hole: 3," in text
    monkeypatch.setattr(artifacts, "SHARDS", 8)
    assert artifacts._quality(store).startswith("expected error of a hole: 8,")


def test_a_run_without_holes_has_no_plots(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    commit_shard(store, "s", [{"item_id": "x", "status": "failed", "error": "ImageEmpty"}], [])
    record = {"run_id": "run-8", "totals": totals(read_results(store)), "report": store.url("report/index.html")}

    @flow
    def show() -> None:
        publish_restore(record, store)

    show()
    assert "run-8" in latest("restore-summary")


def test_a_benchmark_shows_its_table_and_picture() -> None:
    @flow
    def show() -> None:
        publish_benchmark("run-9", "| method |\n|---|\n| telea |", b"\x89PNG")

    show()
    assert "| telea |" in latest("benchmark-summary")
    assert base64.b64encode(b"\x89PNG").decode() in latest("benchmark-picture")


def test_links_are_ones_that_a_browser_follows() -> None:
    assert link_to("/a b/index.html") == "file:///a%20b/index.html"
    assert link_to("s3://bucket/report/index.html") == "s3://bucket/report/index.html"
