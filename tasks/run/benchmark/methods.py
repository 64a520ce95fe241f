"""The registry of methods. A new model is one line in METHODS, or none where it is a generator by name."""

from collections.abc import Callable, Sequence

from models.settings import ModelSettings
from models.weights import WeightsInvalid, WeightsNotFound, weights_sha256
from models.zoo.registry import METHODS as ZOO
from tasks.errors import UsageError
from tasks.fill.passes import PASSES
from tasks.run.benchmark.folder import Folder
from tasks.run.benchmark.generated import Bare, Composed
from tasks.run.benchmark.library import Library, biharmonic, navier_stokes, patchmatch, telea
from tasks.run.benchmark.method import Method
from tasks.run.benchmark.zoo import zoo_method
from tasks.run.settings import ItemSettings

# (kind, which, generator or None) -> the settings of `pass:WHICH` or `recipe:WHICH`. Raises UsageError.
SettingsOf = Callable[[str, str, str | None], ItemSettings]

METHODS: dict[str, Method] = {
    "telea": Library("telea", "opencv-python-headless", telea),
    "navier_stokes": Library("navier_stokes", "opencv-python-headless", navier_stokes),
    "biharmonic": Library("biharmonic", "scikit-image", biharmonic),
    "patchmatch": Library("patchmatch", "pypatchmatch", patchmatch),
}


def method_of(name: str, settings_of: SettingsOf) -> Method:
    """The method of a name.

    One of METHODS; `pass:NAME[@GENERATOR]`, `recipe:NAME|FILE[@GENERATOR]`: what a restore would do; `folder:PATH`: results
    of another program; a method of `models.zoo.registry` or weights of one, with `?option=value&…`; else a generator by
    name or path, shown the whole photo. Raises UsageError.
    """
    if name in METHODS:
        return METHODS[name]
    kind, colon, which = name.partition(":")
    if colon and kind == "folder" and which:
        return Folder(name, which)
    try:
        if colon and kind in ("pass", "recipe"):
            what, _, generator = which.partition("@")
            if kind == "pass" and what not in PASSES:
                raise UsageError(f"--methods {name}: no such pass; there are {', '.join(PASSES)}")
            settings = settings_of(kind, what, generator or None)
            return Composed(name, settings, weights_sha256(settings.model.name))
        known = zoo_method(name)
        if known is not None:
            return known
        sha256 = weights_sha256(name)
        return Bare(name, ModelSettings(name=name), sha256)
    except WeightsNotFound as error:
        ways = f"{', '.join((*METHODS, *ZOO))}, pass:NAME, recipe:NAME, folder:PATH, or a generator"
        raise UsageError(f"--methods {name}: {ways}: {error}") from error
    except (WeightsInvalid, ValueError) as error:
        raise UsageError(f"--methods {name}: {error}") from error


def methods_of(names: Sequence[str], settings_of: SettingsOf) -> list[Method]:
    """The methods of distinct names, in their order. Raises UsageError, also for none at all."""
    found = [method_of(name, settings_of) for name in dict.fromkeys(names)]
    if not found:
        raise UsageError("--methods: name at least one")
    return found
