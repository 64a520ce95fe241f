"""EdgeConnect: edges are drawn into the hole first, then colours along them.

References
----------
[1] K. Nazeri et al., "EdgeConnect: Generative Image Inpainting with Adversarial Edge Learning", arXiv 1901.00212.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from models.engine import find_device
from models.training.loss_settings import Frozen
from models.weights import WeightsInvalid
from models.zoo.edge_connect_networks import EdgeConnectConfig, EdgeGenerator, InpaintGenerator
from models.zoo.edges import SIGMA_PX, canny_edges, grey_of
from models.zoo.filler import Given, NetworkFiller, Predict

MULTIPLE = 16  # px: two down-samplings by 2, and more than two pixels left for the dilated blocks' reflection


class EdgeConnectOptions(Frozen):
    """sigma: of the Gaussian filter before Canny's detector, px: larger leaves only the longest edges."""

    sigma: float = Field(default=SIGMA_PX, gt=0, le=20)


class EdgeConnect(nn.Module):
    """Both generators. Images (B, 3, H, W) in [0, 1], masks (B, 1, H, W), 1 in the hole; multiples of 4, at least 12."""

    def __init__(self, config: EdgeConnectConfig | None = None) -> None:
        super().__init__()
        self.config = config or EdgeConnectConfig()
        self.edge = EdgeGenerator(self.config)
        self.inpaint = InpaintGenerator(self.config)

    def edges(self, grey: Tensor, edges: Tensor, mask: Tensor) -> Tensor:
        """The edge generator's edges in the hole and the given ones elsewhere, (B, 1, H, W) in [0, 1] [1, section 3.1]."""
        return torch.lerp(edges, self.drawn(grey, edges, mask), mask)

    def drawn(self, grey: Tensor, edges: Tensor, mask: Tensor) -> Tensor:
        """The edge generator's edges everywhere; grey and edges (B, 1, H, W) are not looked at in the hole."""
        known = 1 - mask
        found: Tensor = self.edge(torch.cat([grey * known + mask, edges * known, mask], dim=1))
        return found

    def coloured(self, image: Tensor, edges: Tensor, mask: Tensor) -> Tensor:
        """RGB everywhere, for edges of the whole image; the image is not looked at in the hole [1, section 3.2]."""
        found: Tensor = self.inpaint(torch.cat([image * (1 - mask) + mask, edges], dim=1))
        return found

    def forward(self, image: Tensor, mask: Tensor, sigma: float = SIGMA_PX) -> Tensor:
        """Fill: RGB everywhere, not composited."""
        grey = grey_of(image)
        return self.coloured(image, self.edges(grey, canny_edges(grey, mask, sigma), mask), mask)


def build(given: Given) -> NetworkFiller:
    """The filler of `models.zoo.registry`. Raises WeightsInvalid, ValueError."""
    options = given.chosen(EdgeConnectOptions)
    if given.weights is None:
        raise WeightsInvalid(f"{given.name}: no weights")
    try:
        config = EdgeConnectConfig(**given.weights.config)
    except (TypeError, ValueError) as error:
        raise WeightsInvalid(f"{given.name}: {error}") from error
    network = given.weights.put_into(EdgeConnect(config)).to(find_device(given.device))
    return NetworkFiller(given, predictor(network, options), MULTIPLE)


def predictor(network: EdgeConnect, options: EdgeConnectOptions | None = None) -> Predict:
    """`network` as `NetworkFiller` calls it."""
    sigma = (options or EdgeConnectOptions()).sigma

    def predict(image: Tensor, mask: Tensor) -> Tensor:
        return network(image, mask, sigma)  # type: ignore[no-any-return]

    return predict
