import signal
import threading

import pytest

from tasks.run.signals import deferred_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_it_is_delivered(number: signal.Signals) -> None:
    seen: list[int] = []
    before = signal.signal(number, lambda got, _: seen.append(got))
    try:
        with deferred_signals() as deliver:
            deliver()
            signal.raise_signal(number)
            assert seen == []
            deliver()
            assert seen == [number]
            signal.raise_signal(number)
            assert seen == [number]
        assert seen == [number, number]  # nothing is lost at the end
        signal.raise_signal(number)
        assert seen == [number, number, number]
    finally:
        signal.signal(number, before)


def test_a_handler_that_raises_raises_at_the_delivery() -> None:
    with pytest.raises(KeyboardInterrupt), deferred_signals() as deliver:
        signal.raise_signal(signal.SIGINT)
        deliver()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_defer_nothing() -> None:
    done: list[bool] = []

    def work() -> None:
        with deferred_signals() as deliver:
            deliver()
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
