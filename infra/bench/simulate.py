"""A run on paper: driver, ledger, restorers and an S3 store as queues with measured service times, event by event.

    python infra/bench/simulate.py                                   1,000,000 items, 100 restorers, items of 0.1 s
    python infra/bench/simulate.py --item-s 0 --actors 10 100 1000   how many shards and items driver and ledger can take
    python infra/bench/simulate.py --nights 365 --new 1000           what a year of nightly runs leaves behind, and costs

Each restorer does the items of its shard one after the other: the ledger's answer, the item, its requests to the store; at
the shard's end the commit's requests, then the driver's attention. Driver and ledger serve one at a time, in the order in which
they are asked. Service times come from `scale.py` (`processor_ms_per_item`: the ledger's, and the driver's times items in a
shard) and can be given, as can what the store takes for a request and its prices. Seeded: the same arguments, the same figures.
"""

import argparse
import heapq
import json
import math
import random
from dataclasses import dataclass, field
from typing import Any

PAGE = 1_000  # names in an answer to a listing
# Of one item with output.pictures: image and mask; output and two pictures.
ITEM_GETS, ITEM_PUTS = 2, 3
# Of a commit: results and holes, read and written.
COMMIT_GETS, COMMIT_PUTS = 2, 2
READERS = 16  # requests at once while the driver reads results files
INDEX_BYTES = 60  # an item, with ETags
PART_BYTES = 50 * 2**20  # of a multipart upload
ANEW_SHARE, ANEW_SHARDS = 0.05, 64  # as tasks/run/known.py
Found = dict[str, Any]


@dataclass
class Server:
    """One that serves one at a time, first come, first served."""

    free_at: float = 0.0
    busy_s: float = 0.0

    def serve(self, now: float, seconds: float) -> float:
        """When what is asked for at `now` is done. Calls must come in the order of time."""
        self.free_at = max(self.free_at, now) + seconds
        self.busy_s += seconds
        return self.free_at


@dataclass
class Requests:
    """Requests to the store, by what they cost."""

    puts: int = 0
    gets: int = 0
    lists: int = 0

    def cost(self, options: argparse.Namespace) -> float:
        """In dollars."""
        return ((self.puts + self.lists) * options.put_price + self.gets * options.get_price) / 1_000


@dataclass
class Run:
    """One bulk run."""

    actors: int
    items: int
    shard_items: int
    seconds: float = 0.0
    driver: Server = field(default_factory=Server)
    ledger: Server = field(default_factory=Server)
    requests: Requests = field(default_factory=Requests)

    @property
    def shards(self) -> int:
        return math.ceil(self.items / self.shard_items)


def simulate(run: Run, options: argparse.Namespace) -> Run:
    """Let it happen: an event is a restorer that asks for something."""
    rng = random.Random(options.seed)
    ledger_s, driver_s = options.ledger_ms / 1000, options.driver_ms / 1000
    item_s, request_s = options.item_s, options.request_s
    left = [0] * run.actors  # items that a restorer has yet to do of its shard
    handed = 0
    events: list[tuple[float, int, int]] = []  # when, order of coming, who
    for actor in range(run.actors):
        heapq.heappush(events, (0.0, actor, actor))
    order = run.actors
    while events:
        now, _, actor = heapq.heappop(events)
        if left[actor]:
            left[actor] -= 1
            told = run.ledger.serve(now, ledger_s)  # both of its words on an item
            then = told + (rng.expovariate(1 / item_s) if item_s else 0.0)
            if not left[actor]:
                then += (COMMIT_GETS + COMMIT_PUTS) * request_s
        elif handed < run.items:
            then = run.driver.serve(now, driver_s)
            left[actor] = min(run.shard_items, run.items - handed)
            handed += left[actor]
        else:
            run.seconds = max(run.seconds, now)
            continue
        heapq.heappush(events, (then, order, actor))
        order += 1
    run.requests.gets += run.items * ITEM_GETS + run.shards * COMMIT_GETS
    run.requests.puts += run.items * ITEM_PUTS + run.shards * COMMIT_PUTS
    return run


def bulk(actors: int, options: argparse.Namespace) -> Found:
    """What a run of all items comes to."""
    run = simulate(Run(actors, options.items, options.shard_items), options)
    busy = {"driver": run.driver.busy_s / run.seconds, "ledger": run.ledger.busy_s / run.seconds}
    busy["restorers"] = run.items * options.item_s / (run.seconds * actors)
    ideal = run.items * options.item_s / actors
    return {
        "actors": actors,
        "hours": round(run.seconds / 3600, 2),
        "items_per_s": round(run.items / run.seconds, 1),
        "commits_per_s": round(run.shards / run.seconds, 2),
        "over_ideal": round(run.seconds / ideal, 3) if ideal else None,
        "busy": {name: round(share, 3) for name, share in busy.items()},
        "bottleneck": max(busy, key=lambda name: busy[name]),
        "results_and_holes_files": 2 * run.shards,
        "puts": run.requests.puts,
        "gets": run.requests.gets,
        "puts_per_s": round(run.requests.puts / run.seconds, 1),
        "dollars": round(run.requests.cost(options), 2),
    }


def planning(items: int, shards: int, nights: int, outdated: int, options: argparse.Namespace, index: bool) -> Found:
    """What planning asks of the store, the source's listing (image and mask) included."""
    asked = Requests(lists=math.ceil(2 * items / PAGE) + math.ceil(shards / PAGE) + math.ceil(nights / PAGE))
    asked.gets = 1 + outdated if index else shards + nights
    listing = 2 * items / PAGE * max((options.list_s + options.list_cpu_s) / options.lists_at_once, options.list_cpu_s)
    reading = asked.gets * max(options.request_s / READERS, options.file_cpu_s) + items * options.compare_cpu_us / 1e6
    if index:
        reading += items * (INDEX_BYTES / options.bytes_per_s + options.index_cpu_us / 1e6)
    return {
        "lists": asked.lists,
        "gets": asked.gets,
        "listing_s": round(listing, 1),
        "reading_s": round(reading, 1),
        "dollars": round(asked.cost(options), 4),
    }


def year(options: argparse.Namespace) -> Found:
    """Nights of `--new` items on top of `--items`: files, and what the first and the last night's planning asks for."""
    new_shards = math.ceil(
        options.new / max(1, min(options.shard_items, math.ceil(options.new / (options.actors[0] * 4))))
    )
    shards, items, covered, rebuilt = math.ceil(options.items / options.shard_items), options.items, 0, 0
    nights: list[Found] = []
    total = {True: Requests(), False: Requests()}
    for night in range(options.nights):
        outdated = shards - covered
        if outdated > max(ANEW_SHARDS, ANEW_SHARE * covered):  # at the end of the run before
            total[True].gets += outdated
            covered, outdated, rebuilt = shards, 0, rebuilt + 1
            total[True].puts += math.ceil(items * INDEX_BYTES / PART_BYTES) + 2
        sides = {index: planning(items, shards, night, outdated, options, index) for index in (True, False)}
        for index, side in sides.items():
            total[index].gets += side["gets"]
            total[index].lists += side["lists"]
        if night in (0, options.nights - 1):
            nights.append({"night": night + 1, "with_index": sides[True], "without": sides[False]})
        items, shards = items + options.new, shards + new_shards
    return {
        "nights": options.nights,
        "new_shards_a_night": new_shards,
        "results_and_holes_files": 2 * shards,
        "plan_files": options.nights,
        "index_made_anew": rebuilt,
        "of_nights": nights,
        "dollars_of_planning": {
            "with_index": round(total[True].cost(options), 2),
            "without": round(total[False].cost(options), 2),
        },
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--actors", type=int, nargs="+", default=[100])
    parser.add_argument("--shard-items", type=int, default=250)
    parser.add_argument("--item-s", type=float, default=0.1, help="mean of an item; exponentially distributed")
    parser.add_argument("--driver-ms", type=float, default=14.0, help="of a shard")
    parser.add_argument("--ledger-ms", type=float, default=0.8, help="of an item")
    parser.add_argument("--request-s", type=float, default=0.03, help="a GET or PUT of a small object")
    parser.add_argument("--list-s", type=float, default=0.15, help=f"a listing's page of {PAGE}")
    parser.add_argument("--list-cpu-s", type=float, default=0.1, help="of the driver, for such a page")
    parser.add_argument("--lists-at-once", type=int, default=16)
    parser.add_argument(
        "--file-cpu-s", type=float, default=0.0042, help="of the driver, for a results file that is read"
    )
    parser.add_argument("--compare-cpu-us", type=float, default=4.0, help="of the driver, for an item that it knows")
    parser.add_argument("--index-cpu-us", type=float, default=2.3, help="of the driver, for an item in the index")
    parser.add_argument("--bytes-per-s", type=float, default=100e6, help="of a large object")
    parser.add_argument("--put-price", type=float, default=0.005, help="dollars for 1,000 PUT or LIST")
    parser.add_argument("--get-price", type=float, default=0.0004, help="dollars for 1,000 GET")
    parser.add_argument(
        "--prices-of", default="S3 Standard, us-east-1, 2025", help="what the prices are, for the record"
    )
    parser.add_argument("--nights", type=int, default=0)
    parser.add_argument("--new", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    found: Found = {"items": options.items, "prices_of": options.prices_of}
    if options.nights:
        found |= year(options)
    else:
        found["runs"] = [bulk(actors, options) for actors in options.actors]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
