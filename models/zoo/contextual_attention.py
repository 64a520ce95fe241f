"""Coarse to fine with contextual attention: a rough fill first, then one that copies from what it resembles elsewhere.

References
----------
[1] J. Yu et al., "Generative Image Inpainting with Contextual Attention", CVPR 2018, arXiv 1801.07892.
"""

from __future__ import annotations

from torch import Tensor

from models.engine import find_device
from models.training.loss_settings import Frozen
from models.weights import WeightsInvalid
from models.zoo.contextual_attention_networks import CoarseToFine, ContextualAttentionConfig
from models.zoo.filler import Given, NetworkFiller, Predict

MULTIPLE = 8  # px: two down-samplings by 2, and the attention's own


class ContextualAttentionOptions(Frozen):
    """coarse: give what the first stage makes, in place of the result."""

    coarse: bool = False


def build(given: Given) -> NetworkFiller:
    """The filler of `models.zoo.registry`. Raises WeightsInvalid, ValueError."""
    options = given.chosen(ContextualAttentionOptions)
    if given.weights is None:
        raise WeightsInvalid(f"{given.name}: no weights")
    try:
        config = ContextualAttentionConfig(**given.weights.config)
    except (TypeError, ValueError) as error:
        raise WeightsInvalid(f"{given.name}: {error}") from error
    network = given.weights.put_into(CoarseToFine(config)).to(find_device(given.device))
    return NetworkFiller(given, predictor(network, options), MULTIPLE)


def predictor(network: CoarseToFine, options: ContextualAttentionOptions | None = None) -> Predict:
    """`network` as `NetworkFiller` calls it."""
    chosen = options or ContextualAttentionOptions()

    def predict(image: Tensor, mask: Tensor) -> Tensor:
        coarse, fine = network(2 * image - 1, mask)
        made: Tensor = coarse if chosen.coarse else fine
        return (made + 1) / 2

    return predict
