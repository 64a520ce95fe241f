from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from models import load_inpainter
from models.weights import WeightsNotFound
from models.zoo.partial_conv import PartialConvConfig, PartialConvNet
from models.zoo.weights import save_zoo_weights
from tasks.catalog.settings import SourceSettings
from tasks.publish.benchmark.rows import key_of, read_rows
from tasks.run.benchmark.method import Damaged
from tasks.run.benchmark.photos import list_photos
from tasks.run.benchmark.work import BenchmarkJob, Unit, Worker
from tasks.run.benchmark.zoo import Zoo, zoo_method
from tasks.store.objects import Store

QUICK = "dip-skip?max_iterations=2&network={down: [4], up: [4], skip: [2], noise: 2}"


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LACUNA_HOME", str(tmp_path / "home"))
    path = tmp_path / "home" / "weights" / "partial-conv.safetensors"
    config = PartialConvConfig(widths=(4,))
    save_zoo_weights(path, "partial-conv", config.model_dump(mode="json"), PartialConvNet(config).state_dict(), {})
    return path


def zoo(name: str) -> Zoo:
    found = zoo_method(name)
    assert found is not None
    return found


def test_it_fills_as_the_door_does(damaged: Damaged, weights: Path) -> None:
    quick = {"max_iterations": 2, "network": {"down": [4], "up": [4], "skip": [2], "noise": 2}}
    for name, opened in (
        (QUICK, load_inpainter("dip-skip", **quick)),
        ("partial-conv", load_inpainter("partial-conv")),
        (f"{weights}?deepest_px=4", load_inpainter(str(weights), deepest_px=4)),
    ):
        made = zoo(name).load(1)(damaged)
        assert np.array_equal(made, opened(damaged.pixels, damaged.mask))


def test_the_row_says_how_many_iterations(photos: Path, job: BenchmarkJob, weights: Path) -> None:
    photo = list_photos(str(photos), SourceSettings())[0]
    unit = Unit(photo, "medium", (zoo(QUICK), zoo("partial-conv")))
    assert Worker(job).do(unit).failed == 0
    found = read_rows(Store(job.out), [key_of(unit.row(m, job)) for m in unit.methods]).to_pylist()
    assert [(row["method"], row["iterations"]) for row in found] == [(QUICK, 2), ("partial-conv", None)]
    assert all(row["seconds"] > 0 and row["psnr"] > 0 for row in found)


def test_versions_say_what_decides_pixels(weights: Path) -> None:
    names = ["dip", "dip?seed=1", "dip?seed=2", "partial-conv", "partial-conv?deepest_px=4"]
    versions = [zoo(name).version("x", "thin") for name in names]
    assert len(set(versions)) == len(names)
    assert zoo("dip?seed=1&lr=0.1").version("x", "thin") == zoo("dip?lr=0.1&seed=1").version("y", "thick")
    before = zoo("partial-conv").version("x", "thin")
    config = PartialConvConfig(widths=(4, 4))
    save_zoo_weights(weights, "partial-conv", config.model_dump(mode="json"), PartialConvNet(config).state_dict(), {})
    assert zoo("partial-conv").version("x", "thin") != before


def test_names_that_are_not_the_zoos() -> None:
    for name in ("telea", "lama-small", "nosuch", ""):
        assert zoo_method(name) is None
    with pytest.raises(WeightsNotFound):
        zoo_method("partial-conv")
    with pytest.raises(ValueError, match="option strength"):
        zoo_method("dip?strength=2")
