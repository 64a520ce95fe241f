import pytest
import torch
from torch.nn import functional as F

from models.backbones.inception import Inception
from tests.models.backbones.reference import reference


def test_the_network_of_the_reference() -> None:
    network = reference()
    inception = Inception(network.state_dict())
    image = torch.rand(2, 3, 100, 131)
    with torch.no_grad():
        expected = network(image)
        assert expected.std() > 1e-3
        torch.testing.assert_close(inception.pooled(image), expected, rtol=1e-4, atol=1e-5)
        larger = F.interpolate(image, (299, 299), mode="bilinear", align_corners=False)
        torch.testing.assert_close(inception.features(image), network(larger), rtol=1e-4, atol=1e-5)
    assert inception.channels == expected.shape[1]


def test_a_missing_tensor_is_named() -> None:
    tensors = reference().state_dict()
    del tensors["Mixed_7c.branch_pool.bn.bias"]
    with pytest.raises(KeyError, match="branch_pool"):
        Inception(tensors)
