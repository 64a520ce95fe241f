"""The registry of corrections. A new correction is one new file in this folder and one line here."""

from collections.abc import Callable

from tasks.correct.block_matching import BlockMatching
from tasks.correct.colour_transfer import ColourTransfer
from tasks.correct.grain import Grain
from tasks.correct.seam import Seam
from tasks.correct.settings import CorrectSettings
from tasks.correct.texture import Texture
from tasks.fill.correction import Correction

CORRECTIONS: dict[str, Callable[[CorrectSettings], Correction]] = {
    "block_matching": lambda settings: BlockMatching(settings.block_matching),
    "colour_transfer": lambda settings: ColourTransfer(settings.colour_transfer),
    "texture": lambda settings: Texture(settings.texture),
    "grain": lambda settings: Grain(settings.grain),
    "seam": lambda settings: Seam(),
}


def chosen(settings: CorrectSettings) -> dict[str, Correction]:
    """The corrections that the settings name, in their order, for `tasks.fill.fill.fill_image`."""
    return {name: CORRECTIONS[name](settings) for name in settings.steps}
