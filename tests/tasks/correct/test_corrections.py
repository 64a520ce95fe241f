from tasks.correct.block_matching import BlockMatching
from tasks.correct.corrections import CORRECTIONS, chosen
from tasks.correct.settings import BlockMatchingSettings, ColourTransferSettings, CorrectSettings


def test_the_settings_choose_from_the_registry_in_their_order() -> None:
    assert chosen(CorrectSettings()) == {}
    steps = tuple(reversed(CORRECTIONS))
    assert tuple(chosen(CorrectSettings(steps=steps))) == steps


def test_each_is_made_with_its_own_settings() -> None:
    settings = CorrectSettings(
        steps=tuple(CORRECTIONS),
        block_matching=BlockMatchingSettings(block_px=9),
        colour_transfer=ColourTransferSettings().weighted("even"),
    )
    made = chosen(settings)
    assert made["block_matching"] == BlockMatching(settings.block_matching)
    assert made["colour_transfer"].settings.transport == 0.1  # type: ignore[attr-defined]
