import threading
import time

from tasks.run.watch import MegapixelBudget, Watch


def test_only_work_counts() -> None:
    now = [0.0]
    watch = Watch(lambda: now[0])
    with watch.working("a"):
        now[0] = 5.0
        assert watch.busy() == {"a": 5.0}
    now[0] = 50.0
    assert watch.busy() == {}
    with watch.working("a"):
        assert watch.busy() == {"a": 0.0}


def test_the_budget_is_never_exceeded_but_by_one_that_is_alone() -> None:
    budget, held, seen = MegapixelBudget(10), [], []
    lock = threading.Lock()

    def work(size: float) -> None:
        with budget.hold(size):
            with lock:
                held.append(size)
                seen.append(tuple(held))
            time.sleep(0.005)
            with lock:
                held.remove(size)

    threads = [threading.Thread(target=work, args=(size,)) for size in (4, 4, 4, 25, 0.1, 9.9, 3, 3, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(sum(sizes) <= 10.001 or sizes == (25,) for sizes in seen)
    assert len(seen) == 9
