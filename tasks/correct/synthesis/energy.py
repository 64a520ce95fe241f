"""The energy of a texture in a hole.

    E(w) = mean over layers of D(features of w, those of the exemplar)
         + λ_G · ‖coarse(w − u)‖² + λ_B · ‖w − known beside it‖²_frontier + λ_S · spectrum

D is sliced Wasserstein or Gram (`statistics`), u the fill; squared norms are means over what they count, in units of the
exemplar's variance, so that the weights mean the same for every hole.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from tasks.correct.settings import TextureSettings
from tasks.correct.synthesis.exemplar import exemplar
from tasks.correct.synthesis.networks import network
from tasks.correct.synthesis.spectrum import Spectrum
from tasks.correct.synthesis.statistics import Gram, Sliced, Statistic
from tasks.fill.correction import Window
from tasks.fill.picture import Box

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

_MULTIPLE = 16  # of a crop's sides: whatever a network halves them to, all positions stay whole
_MARGIN_PX = 24  # around the hole, for the filters and for the spectrum
_MOST = 1 << 15  # positions of a layer
_LEAST = 64  # positions; of fewer there are no statistics


@dataclass(frozen=True)
class Layer:
    """Where the hole lies in a network's map (N,), and what its features are to be like there."""

    places: Tensor
    statistic: Statistic


class TextureEnergy:
    """E of pictures (3, h, w), which count in the hole only.

    fill (3, h, w): u; own (h, w) bool; `box`: where both lie in the window, apart from what they are padded by; variance:
    the exemplar's; usual: how unlike each other are the exemplar's own halves.
    """

    def __init__(
        self,
        window: Window,
        box: Box,
        settings: TextureSettings,
        layers: list[Layer | None],
        variance: float,
        usual: float,
    ) -> None:
        self.settings, self.box, self.variance, self.usual = settings, box, variance, usual
        self._layers = layers
        self._network = network(settings.network, settings.weights)
        self.fill = _padded(window.shown[box])
        own, known = (
            np.pad(mask[box], [(0, -side % _MULTIPLE) for side in mask[box].shape])
            for mask in (window.own, window.known)
        )
        self.own = torch.from_numpy(own)
        self._pairs = [_meeting(own, known, down, across) for down, across in ((0, 1), (0, -1), (1, 0), (-1, 0))]
        self._bell = torch.hann_window(2 * max(2, round(settings.guided_px)) + 1, periodic=False)[1:-1]
        self._share = self._coarse(self.own.float()[None]).square().sum()
        self._spectrum = None
        if settings.spectrum:
            seen = np.where(window.known[:, :, None], window.seen, 0).astype(np.float32)
            self._spectrum = Spectrum(seen, window.known, (own.shape[0], own.shape[1]))

    def __call__(self, w: Tensor) -> Tensor:
        """E of w, (3, h, w)."""
        shown = torch.where(self.own, w, self.fill)
        total = self._style(shown)
        settings = self.settings
        if settings.guide:
            total = total + settings.guide / self.variance * self._moved(shown)
        if settings.border:
            total = total + settings.border / self.variance * self._steps(shown)
        if self._spectrum is not None:
            total = total + settings.spectrum * self._spectrum(shown)
        return total

    def unlikeness(self, w: Tensor) -> Tensor:
        """The first term alone."""
        return self._style(torch.where(self.own, w, self.fill))

    def _style(self, shown: Tensor) -> Tensor:
        found = [
            layer.statistic(_at(features, layer.places))
            for features, layer in zip(self._network.features(shown[None]), self._layers, strict=True)
            if layer is not None
        ]
        return torch.stack(found).mean()

    def _moved(self, shown: Tensor) -> Tensor:
        """Mean square of how far the picture's coarse colours are from the fill's."""
        return self._coarse(shown - self.fill).square().sum() / (3 * self._share)

    def _coarse(self, planes: Tensor) -> Tensor:
        """Means of planes (C, h, w) under a bell, a quarter of its side apart; outside there is nothing."""
        bell, half = self._bell / self._bell.sum(), len(self._bell) // 2
        step = max(1, half // 2)
        found = F.conv2d(planes[:, None], bell.view(1, 1, -1, 1), stride=(step, 1), padding=(half, 0))
        return F.conv2d(found, bell.view(1, 1, 1, -1), stride=(1, step), padding=(0, half))

    def _steps(self, shown: Tensor) -> Tensor:
        """Mean square of the steps from the hole's pixels to the known ones beside them."""
        flat = shown.flatten(1)
        steps = torch.cat([flat[:, inner] - flat[:, outer] for inner, outer in self._pairs], 1)
        return steps.square().sum() / max(1, steps.numel())


def energy_of(window: Window, settings: TextureSettings) -> TextureEnergy | None:
    """The energy of a hole; None where there is no exemplar, or too little of a hole."""
    like = exemplar(window, settings.exemplar, settings.seed)
    if like is None:
        return None
    box = _box(window.own)
    whole = _padded(window.shown)
    with torch.no_grad():
        maps = network(settings.network, settings.weights).features(whole[None])
    origin = np.array([box[0].start, box[1].start])
    width = -(-(box[1].stop - box[1].start) // _MULTIPLE) * _MULTIPLE
    layers: list[Layer | None] = []
    usual = []
    for features in maps:
        step = whole.shape[1] // features.shape[2]
        hole, known = like.thinned(step, _MOST)
        if len(hole) < _LEAST:
            layers.append(None)
            continue
        hole = hole - origin // step
        theirs = _at(features, torch.from_numpy(known[:, 0] * features.shape[3] + known[:, 1]))
        layers.append(Layer(torch.from_numpy(hole[:, 0] * (width // step) + hole[:, 1]), _statistic(theirs, settings)))
        usual.append(_between_halves(theirs, known, settings))
    if not usual:
        return None
    variance = float(window.seen[like.known[:, 0], like.known[:, 1]].var(axis=0).mean()) + (2 / 255) ** 2
    return TextureEnergy(window, box, settings, layers, variance, float(np.mean(usual)))


def _statistic(reference: Tensor, settings: TextureSettings) -> Statistic:
    if settings.statistic == "gram":
        return Gram(reference)
    return Sliced(reference, settings.directions, settings.seed)


def _between_halves(features: Tensor, places: NDArray[np.int64], settings: TextureSettings) -> float:
    """How unlike each other two halves of an exemplar are, cut where it is longer."""
    along = int(np.ptp(places, axis=0).argmax())
    order = torch.from_numpy(np.argsort(places[:, along], kind="stable"))
    half = len(order) // 2
    return float(_statistic(features[order[:half]], settings)(features[order[half : 2 * half]]))


def _at(features: Tensor, places: Tensor) -> Tensor:
    """Features (1, C, h, w) at places (N,) -> (N, C)."""
    return features[0].flatten(1)[:, places].T


def _box(own: Bool) -> Box:
    """The hole's, grown, from a multiple of the unit on, within the window."""
    sides = []
    for axis in (1, 0):
        there = np.flatnonzero(own.any(axis=axis))
        begin = max(0, int(there[0]) - _MARGIN_PX) // _MULTIPLE * _MULTIPLE
        sides.append(slice(begin, min(own.shape[1 - axis], int(there[-1]) + 1 + _MARGIN_PX)))
    return sides[0], sides[1]


def _padded(picture: Float) -> Tensor:
    """(h, w, 3) -> (3, H, W), sides multiples of the unit, the last pixels repeated."""
    missing = [(0, -side % _MULTIPLE) for side in picture.shape[:2]]
    return torch.from_numpy(np.ascontiguousarray(np.pad(picture, [*missing, (0, 0)], mode="edge").transpose(2, 0, 1)))


def _meeting(own: Bool, known: Bool, down: int, across: int) -> tuple[Tensor, Tensor]:
    """Flat places of the hole's pixels that have a known one beside them in a direction, and of those."""
    inner = np.argwhere(own)
    outer = inner + np.array([down, across])
    there = ((outer >= 0) & (outer < own.shape)).all(axis=1)
    inner, outer = inner[there], outer[there]
    there = known[outer[:, 0], outer[:, 1]]
    flat = [torch.from_numpy(places[there] @ np.array([own.shape[1], 1])) for places in (inner, outer)]
    return flat[0], flat[1]
