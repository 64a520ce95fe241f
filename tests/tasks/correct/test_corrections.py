from tasks.correct.corrections import CORRECTIONS, chosen
from tasks.correct.settings import CorrectSettings


def test_the_settings_choose_from_the_registry() -> None:
    assert chosen(CorrectSettings()) == {}
    assert chosen(CorrectSettings(steps=tuple(CORRECTIONS))) == CORRECTIONS
