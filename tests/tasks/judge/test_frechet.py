from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch

from tasks.judge.frechet import PooledFeatures, frechet_distance
from tests.models.backbones.reference import reference


@pytest.mark.parametrize("seed", range(5))
def test_the_definition_by_a_matrix_square_root(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(60, 8)) @ rng.normal(size=(8, 8)) + 1
    b = rng.normal(size=(45, 8)) @ rng.normal(size=(8, 8))
    sa, sb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(sa @ sb).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(sa + sb - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_fewer_pictures_than_features() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(5, 40)), rng.normal(2, 3, size=(6, 40))
    sa, sb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    roots = np.sqrt(np.maximum(np.linalg.eigvals(sa @ sb).real, 0)).sum()
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(sa + sb) - 2 * roots
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_properties() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(30, 6)), rng.normal(1, 2, size=(30, 6))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))
    assert frechet_distance(a, a + 3) == pytest.approx(6 * 9)  # a shift moves the mean only
    assert frechet_distance(a, b[rng.permutation(30)]) == pytest.approx(frechet_distance(a, b))
    assert np.isnan(frechet_distance(a, b[:1]))


def test_pooled_features_are_the_networks(tmp_path: Path) -> None:
    network = reference(7)
    torch.save(network.state_dict(), tmp_path / "inception.pth")
    picture = np.random.default_rng(5).random((60, 80, 3), dtype=np.float32)
    image = torch.from_numpy(picture.transpose(2, 0, 1)[None].copy())
    with torch.no_grad():
        larger = torch.nn.functional.interpolate(image, (299, 299), mode="bilinear", align_corners=False)
        expected = network(larger)[0].numpy()
    np.testing.assert_allclose(PooledFeatures(tmp_path / "inception.pth")(picture), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(FileNotFoundError):
        PooledFeatures(tmp_path / "none.pth")
