from tasks.publish.report.advice import WHAT_TO_DO


def test_advice_is_short_and_not_said_twice() -> None:
    assert all(0 < len(text) < 120 and not text.endswith(".") for text in WHAT_TO_DO.values())
    assert len(set(WHAT_TO_DO.values())) == len(WHAT_TO_DO)
