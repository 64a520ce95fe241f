"""The measures with truth that need a network's weights: which files are given, and what they measure."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tasks.judge.feature import FeatureDistance
    from tasks.judge.frechet import PooledFeatures
    from tasks.judge.lpips import Lpips

Float = NDArray[np.float32]
SUFFIXES = (".safetensors", ".pth", ".pt")


@dataclass(frozen=True)
class NetworkFiles:
    """Files of weights; without one its measure is null.

    features: of `feature_distance`, a network that `models.training.features` names (`feature_network`). lpips: a
    backbone; lpips_heads: the learned heads, None when the backbone's file holds them too. fid: InceptionV3.
    """

    features: Path | None = None
    feature_network: str = "vgg19"
    lpips: Path | None = None
    lpips_heads: Path | None = None
    fid: Path | None = None

    def given(self) -> dict[str, Path]:
        """The files that there are, by name."""
        named = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "feature_network"}
        return {name: path for name, path in named.items() if path is not None}

    def missing(self) -> list[str]:
        """Measures that stay null."""
        needs = {"feature_distance": self.features, "lpips": self.lpips, "fid": self.fid}
        return [name for name, path in needs.items() if path is None]

    def sha256(self) -> str:
        """Digest of names and contents. Raises FileNotFoundError."""
        digest = hashlib.sha256(self.feature_network.encode())
        for name, path in self.given().items():
            digest.update(f"\0{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
        return digest.hexdigest()


def files_in(folder: Path, given: NetworkFiles) -> NetworkFiles:
    """`given`, and for what it lacks `features`, `lpips`, `lpips_heads` or `fid` of any known suffix in the folder."""

    def found(name: str) -> Path | None:
        mine: Path | None = getattr(given, name)
        there = (folder / f"{name}{suffix}" for suffix in SUFFIXES)
        return mine or next((path for path in there if path.is_file()), None)

    names = ("features", "lpips", "lpips_heads", "fid")
    return NetworkFiles(feature_network=given.feature_network, **{name: found(name) for name in names})


class Networks:
    """What the files measure; each network is loaded when it is first asked."""

    def __init__(self, files: NetworkFiles) -> None:
        self._files = files

    def load(self) -> None:
        """Load all now. Raises what the networks raise: FileNotFoundError, ValueError, KeyError, RuntimeError."""
        for name in ("_features", "_lpips", "_pooled"):
            getattr(self, name)

    def distances(self, filled: Float, truth: Float) -> dict[str, float | None]:
        """`feature_distance` and `lpips` of composites (H, W, 3) float32 in [0, 1]; None where not given or too small."""
        measures = {"feature_distance": self._features, "lpips": self._lpips}
        found = {name: math.nan if each is None else each(filled, truth) for name, each in measures.items()}
        return {name: None if math.isnan(value) else value for name, value in found.items()}

    def pooled(self, picture: Float) -> Float | None:
        """(C,) float32 of which `fid` is made; None without its network."""
        return None if self._pooled is None else self._pooled(picture)

    @cached_property
    def _features(self) -> FeatureDistance | None:
        from tasks.judge.feature import FeatureDistance

        files = self._files
        return None if files.features is None else FeatureDistance(files.features, files.feature_network)

    @cached_property
    def _lpips(self) -> Lpips | None:
        from tasks.judge.lpips import Lpips

        return None if self._files.lpips is None else Lpips(self._files.lpips, self._files.lpips_heads)

    @cached_property
    def _pooled(self) -> PooledFeatures | None:
        from tasks.judge.frechet import PooledFeatures

        return None if self._files.fid is None else PooledFeatures(self._files.fid)
