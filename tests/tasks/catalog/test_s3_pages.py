import random
import threading
from collections import Counter
from typing import Any

import pytest

from tasks.catalog import s3_pages
from tasks.catalog.s3_pages import pages

PAGE = 5


class Answers:
    """What S3 answers to `list_objects_v2`."""

    def __init__(self, keys: list[str]) -> None:
        self.keys, self.asked = sorted(keys, key=str.encode), 0
        self._lock = threading.Lock()

    def __call__(
        self, Bucket: str, Prefix: str, Delimiter: str = "", StartAfter: str = "", ContinuationToken: str = ""
    ) -> dict[str, Any]:
        with self._lock:
            self.asked += 1
        names: dict[str, bool] = {}
        for key in self.keys:
            if key.startswith(Prefix) and key > StartAfter:
                inner, cut, _ = key[len(Prefix) :].partition(Delimiter) if Delimiter else (key, "", "")
                names[Prefix + inner + cut if cut else key] = bool(cut)
        left = [name for name in names if name > ContinuationToken]
        now = left[:PAGE]
        answer: dict[str, Any] = {"IsTruncated": len(left) > PAGE}
        answer["Contents"] = [{"Key": name} for name in now if not names[name]]
        answer["CommonPrefixes"] = [{"Prefix": name} for name in now if names[name]]
        return answer | ({"NextContinuationToken": now[-1]} if len(left) > PAGE else {})


def tree(rng: random.Random) -> list[str]:
    """Keys in folders of folders, of all sizes, with names on both sides of the slash and markers of folders."""
    letters = ["a", "b", "B", "é", "!", "-", "0", "写", "a!", "a."]
    keys = set()
    for _ in range(rng.choice([3, 60, 300])):
        folders = [rng.choice(letters) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
        keys.add("/".join(["in", *folders, f"{rng.choice(letters)}{rng.randrange(40)}.png"]))
        if folders and rng.random() < 0.2:
            keys |= {"/".join(["in", *folders, ""]), "/".join(["in", *folders])}
    return [*keys, "other/x.png", "inner.png"]


@pytest.mark.parametrize("seed", range(40))
def test_each_key_comes_once(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    monkeypatch.setattr(s3_pages, "PAGES_ALONE", rng.choice([1, 2, 5]))
    monkeypatch.setattr(s3_pages, "RANGES", rng.choice([1, 3, 64]))
    keys = tree(rng)
    prefix = rng.choice(["in/", "in/", "in", "in/a", ""])
    found = [each["Key"] for page in pages(Answers(keys), "bucket", prefix) for each in page]
    assert sorted(found) == sorted(key for key in keys if key.startswith(prefix))


def test_a_short_listing_takes_its_pages_and_no_more() -> None:
    answers = Answers([f"in/{n}" for n in range(s3_pages.PAGES_ALONE * PAGE)])
    assert len([*pages(answers, "bucket", "in/")]) == answers.asked == s3_pages.PAGES_ALONE


def test_a_long_one_takes_few_more() -> None:
    keys = [f"in/{folder:03d}/{n}" for folder in range(100) for n in range(20)]
    answers = Answers(keys)
    assert sum(len(page) for page in pages(answers, "bucket", "in/")) == len(keys)
    assert answers.asked < len(keys) / PAGE + s3_pages.RANGES + 3


def test_a_directory_bucket_is_listed_in_turn() -> None:
    answers = Answers([f"in/{n % 7}/{n}" for n in range(100)])
    assert sum(len(page) for page in pages(answers, "zone--x-s3", "in/")) == 100
    assert answers.asked == 100 // PAGE


def test_an_error_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers([f"in/{n % 7}/{n}" for n in range(100)])
    asked = Counter[str]()

    def ask(**request: Any) -> dict[str, Any]:
        asked["times"] += 1
        if asked["times"] > 12:
            raise PermissionError("no")
        return answers(**request)

    with pytest.raises(PermissionError):
        list(pages(ask, "bucket", "in/"))


def test_who_stops_reading_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    reading = pages(Answers([f"in/{n % 7}/{n}" for n in range(400)]), "bucket", "in/")
    for _ in range(s3_pages.PAGES_ALONE + 2):
        next(reading)
    reading.close()
    assert threading.active_count() == before
