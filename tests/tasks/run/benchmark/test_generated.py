import numpy as np
import pytest

from models.engine import Engine
from models.settings import ModelSettings
from tasks.fill.fill import fill_image
from tasks.fill.settings import FillSettings, MaskSettings
from tasks.judge.settings import JudgeSettings
from tasks.run.benchmark.generated import Bare, Composed
from tasks.run.benchmark.method import Damaged
from tasks.run.settings import ItemSettings

EXACT = MaskSettings(dilate_px=0, feather_px=0)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("lama-small", threads=1)


def test_a_bare_generator_sees_the_whole_photo(damaged: Damaged, engine: Engine) -> None:
    made = Bare("lama-small", ModelSettings(), "sha").load(1)(damaged)
    expected = engine.fill([damaged.pixels.astype(np.float32) / np.float32(255)], [damaged.mask])[0]
    assert (made == np.rint(expected * 255)).all()


@pytest.mark.parametrize("name", ["regions", "whole"])
def test_a_pass_is_what_a_restore_would_do(damaged: Damaged, engine: Engine, name: str) -> None:
    settings = ItemSettings(mask=EXACT, fill=FillSettings(passes=(name,)), judge=JudgeSettings(mode="off"))
    made = Composed(f"pass:{name}", settings, "sha").load(1)(damaged)
    expected = fill_image(damaged.pixels, damaged.mask, engine, EXACT, settings.fill).pixels
    assert (made == expected).all()
    assert (made[~damaged.mask] == damaged.pixels[~damaged.mask]).all()


def test_versions_say_what_decides_pixels() -> None:
    bare = [Bare("a", ModelSettings(precision=p), w).version("x", "thin") for p in ("fp32", "bf16") for w in ("1", "2")]
    settings = [ItemSettings(fill=FillSettings(context=c)) for c in (2.0, 3.0)]
    composed = [Composed("a", s, w).version("x", "thin") for s in settings for w in ("1", "2")]
    assert len({*bare, *composed}) == 8
