"""The methods of the zoo, by name. A new one is one file and one line in METHODS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from models.settings import Precision
from models.weights import WeightsInvalid, WeightsNotFound, find_weights, weights_home
from models.zoo.weights import load_zoo_weights, read_method

if TYPE_CHECKING:
    from models.zoo.filler import Filler
    from models.zoo.settings import ZooSettings


@dataclass(frozen=True)
class Method:
    """One method. build: `module:function` of `Given` that makes its filler; options: `module:class` of its options.

    training: `module:class` of its settings for `lacuna train`; None for one that learns nothing beforehand.
    """

    paper: str
    build: str
    options: str
    training: str | None = None

    @property
    def needs_weights(self) -> bool:
        """Whether it fills with what it has learnt."""
        return self.training is not None

    def option_names(self) -> list[str]:
        """Keys that `load_inpainter` takes for it."""
        return list(_found(self.options).model_fields)


_DIP = "D. Ulyanov et al., arXiv 1711.10925"

METHODS: Mapping[str, Method] = {
    "dip": Method(_DIP, "models.zoo.dip_filler:build", "models.zoo.dip_filler:DipOptions"),
    "dip-skip": Method(_DIP, "models.zoo.dip_filler:build_skip", "models.zoo.dip_filler:DipOptions"),
    "dip-residual": Method(_DIP, "models.zoo.dip_filler:build_residual", "models.zoo.dip_filler:DipOptions"),
    "partial-conv": Method(
        "G. Liu et al., arXiv 1804.07723",
        "models.zoo.partial_conv_filler:build",
        "models.zoo.partial_conv_filler:PartialConvOptions",
        "models.zoo.partial_conv_training:PartialConvSettings",
    ),
    "edge-connect": Method(
        "K. Nazeri et al., arXiv 1901.00212",
        "models.zoo.edge_connect:build",
        "models.zoo.edge_connect:EdgeConnectOptions",
        "models.zoo.edge_connect_training:EdgeConnectSettings",
    ),
    "contextual-attention": Method(
        "J. Yu et al., arXiv 1801.07892",
        "models.zoo.contextual_attention:build",
        "models.zoo.contextual_attention:ContextualAttentionOptions",
        "models.zoo.contextual_attention_training:ContextualAttentionSettings",
    ),
}


def find_method(name: str) -> str | None:
    """The method that a name means: one of METHODS, or that of a weights file by name or path; None for any other."""
    if name in METHODS:
        return name
    try:
        return read_method(name)
    except WeightsNotFound:
        return None


def load_filler(
    name: str, device: str = "auto", precision: Precision = "auto", options: Mapping[str, Any] | None = None
) -> Filler:
    """The filler of a method (with the weights of that name, where it needs some) or of a method's weights.

    Raises WeightsNotFound, WeightsInvalid, and ValueError for an unknown option or a device that is not there.
    """
    from models.zoo.filler import Given

    key = find_method(name)
    if key is None:
        raise WeightsNotFound(f"no method {name!r} and no weights of one; there are {', '.join(METHODS)}")
    if key not in METHODS:
        raise WeightsInvalid(f"{name}: weights of an unknown method, {key!r}; there are {', '.join(METHODS)}")
    method = METHODS[key]
    weights = load_zoo_weights(located(name)) if method.needs_weights else None
    if weights is not None and weights.method != key:
        raise WeightsInvalid(f"{name}: weights of {weights.method}, not of {key}")
    filler: Filler = _found(method.build)(Given(name, weights, device, precision, options or {}))
    return filler


def check_options(key: str, options: Mapping[str, Any]) -> None:
    """Raises ValueError for an option that the method does not have or cannot take, WeightsNotFound for no method."""
    from models.zoo.filler import Given

    if key not in METHODS:
        raise WeightsNotFound(f"no method {key!r}; there are {', '.join(METHODS)}")
    Given(key, options=options).chosen(_found(METHODS[key].options))


def training_of(name: str) -> type[ZooSettings]:
    """The settings class of a method's training. Raises ValueError for a name that is no method that learns."""
    found = METHODS.get(name)
    if found is None or found.training is None:
        learning = ", ".join(key for key, method in METHODS.items() if method.training)
        raise ValueError(f"method: {name!r} cannot be trained; there are lama, {learning}")
    settings: type[ZooSettings] = _found(found.training)
    return settings


def located(name: str) -> str:
    """The name, when there are weights of it. Raises WeightsNotFound with where they come from."""
    try:
        find_weights(name)
    except WeightsNotFound as error:
        said = f"train them (`lacuna train`, `method: {name}`) and put them at {weights_home() / name}.safetensors"
        raise WeightsNotFound(f"{error}; {said}, or name their file") from error
    return name


def _found(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
