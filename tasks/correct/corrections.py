"""The registry of corrections. A new correction is one new file in this folder and one line here."""

from tasks.correct.seam import seam
from tasks.correct.settings import CorrectSettings
from tasks.fill.correction import Correction

CORRECTIONS: dict[str, Correction] = {
    "seam": seam,
}


def chosen(settings: CorrectSettings) -> dict[str, Correction]:
    """The corrections that the settings name, in their order, for `tasks.fill.fill.fill_image`."""
    return {name: CORRECTIONS[name] for name in settings.steps}
