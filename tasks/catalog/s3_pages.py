"""The pages of a long S3 listing, several at once: each names the next, so one by one those of 10⁷ objects take half an hour."""

import concurrent.futures
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

PAGES_ALONE = 8  # a short listing asks for nothing but its pages
AT_ONCE = 16
RANGES = 64  # more than are listed at once: folders are of different sizes
DEPTH = 4  # of folders that are looked into for places to cut

Page = list[dict[str, Any]]
Ask = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class _Range:
    """Keys from `first` (inclusive; or those behind `after`) up to `end`, exclusive; `token`: the page that comes next."""

    after: str
    first: str = ""
    end: str | None = None
    token: str = ""


def pages(ask: Ask, bucket: str, prefix: str) -> Iterator[Page]:
    """Objects below a prefix, each once, page by page, in no promised order.

    After a few pages the names that are left are cut into ranges at folders, and ranges are listed at once. The number of
    requests grows by a few dozen, memory by a page for each range under way.

    Args:
        ask: `list_objects_v2`, given its parameters; it retries, and raises what the caller of this is to see.
        bucket: the bucket. In S3's directory buckets keys have no order, so nothing can be cut.
        prefix: of the keys.
    """
    request: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
    asked, last = 0, ""
    while True:
        page = ask(**request)
        found: Page = page.get("Contents") or []
        yield found
        asked += 1
        last = found[-1]["Key"] if found else last
        if not page.get("IsTruncated"):
            return
        if asked >= PAGES_ALONE and last and not bucket.endswith("--x-s3"):
            break
        request["ContinuationToken"] = page["NextContinuationToken"]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        cuts = _cuts(ask, bucket, prefix, last, pool)
        ends = [*cuts, None]
        left = [
            _Range(last, end=ends[0]),
            *(_Range(cut[:-1], cut, end) for cut, end in zip(cuts, ends[1:], strict=True)),
        ]
        running = set[concurrent.futures.Future[tuple[Page, _Range | None]]]()
        try:
            while left or running:
                running |= {
                    pool.submit(_page, ask, bucket, prefix, left.pop(0))
                    for _ in range(min(len(left), AT_ONCE - len(running)))
                }
                done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    page_of_range, rest = future.result()
                    left[:0] = [rest] if rest else []
                    yield page_of_range
        finally:
            pool.shutdown(cancel_futures=True)


def _page(ask: Ask, bucket: str, prefix: str, part: _Range) -> tuple[Page, _Range | None]:
    """The next page of a range, and what is left of it."""
    at = {"ContinuationToken": part.token} if part.token else {"StartAfter": part.after}
    page = ask(Bucket=bucket, Prefix=prefix, **at)
    found: Page = page.get("Contents") or []
    inside = [each for each in found if each["Key"] >= part.first and (part.end is None or each["Key"] < part.end)]
    over = not page.get("IsTruncated") or (part.end is not None and found and found[-1]["Key"] >= part.end)
    rest = None if over else _Range(part.after, part.first, part.end, page["NextContinuationToken"])
    return inside, rest


def _cuts(ask: Ask, bucket: str, prefix: str, last: str, pool: concurrent.futures.Executor) -> list[str]:
    """Folders behind `last`, in order, that cut what is left into about RANGES parts; [] where all lie in one folder."""

    def folders(parent: str) -> list[str]:
        page = ask(Bucket=bucket, Prefix=parent, Delimiter="/", StartAfter=max(last, parent))
        return [each["Prefix"] for each in page.get("CommonPrefixes") or []]

    found = [prefix]
    for _ in range(DEPTH):
        deeper = sorted({folder for inside in pool.map(folders, found) for folder in inside})
        if not deeper:
            break
        found = deeper
        if len(found) >= RANGES:
            break
    found = [folder for folder in found if folder > last and folder > prefix]
    return found[:: -(-len(found) // RANGES)] if found else []
