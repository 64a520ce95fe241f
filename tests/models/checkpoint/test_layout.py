from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.checkpoint.layout import find_prefix, infer_config
from models.lama import PATHS, Lama, LamaConfig
from models.weights import COUNTER, WeightsInvalid

CONFIGS = st.builds(
    LamaConfig,
    input_nc=st.integers(1, 6),
    output_nc=st.integers(1, 4),
    ngf=st.integers(4, 9),
    n_downsampling=st.integers(1, 4),
    n_blocks=st.integers(1, 4),
    ratio=st.sampled_from([0, 0.25, 0.3, 0.5, 0.75]),
    max_features=st.sampled_from([9, 24, 1024]),
    up_kernel=st.sampled_from([3, 4]),
    blocks=st.sampled_from(["ffc", "regular"]),
    spectral=st.sets(st.sampled_from(PATHS)).map(tuple),
    skip=st.booleans(),
    noise=st.booleans(),
)


def shapes_of(config: LamaConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        state = Lama(config).state_dict().items()
        return {key: tuple(value.shape) for key, value in state if not key.endswith(COUNTER)}


@given(CONFIGS)
@settings(max_examples=60, derandomize=True, deadline=None)
def test_names_and_shapes_say_what_the_network_is(config: LamaConfig) -> None:
    """Up to what they cannot say: ratios of the same channels, a limit that limits nothing."""
    shapes = shapes_of(config)
    assert shapes_of(infer_config(shapes)) == shapes


@pytest.mark.parametrize("config", [LamaConfig(), LamaConfig(n_blocks=9), LamaConfig(n_blocks=9, blocks="regular")])
def test_the_published_networks_are_known_exactly(config: LamaConfig) -> None:
    assert infer_config(shapes_of(config)) == config


@pytest.mark.parametrize("prefix", ["", "generator.", "model.generator.", "module.generator.", "net.ema."])
@pytest.mark.parametrize("blocks", ["ffc", "regular"])
def test_the_generators_place_is_found(prefix: str, blocks: str) -> None:
    shapes = {prefix + key: shape for key, shape in shapes_of(LamaConfig(ngf=4, n_blocks=1, blocks=blocks)).items()}
    others = {
        "discriminator.model0.0.weight": (64, 3, 4, 4),
        "loss.model.1.weight": (9, 9, 3, 3),
        "model.1.weight": (2,),
    }
    assert find_prefix(others | shapes) == prefix


def test_one_of_several_generators_is_taken_where_its_place_is_usual() -> None:
    shape = (64, 4, 7, 7)
    name = "model.1.ffc.convl2l.weight"
    assert find_prefix({f"ema.{name}": shape, f"generator.{name}": shape}) == "generator."
    with pytest.raises(WeightsInvalid, match=r"several generators: a\., b\."):
        find_prefix({f"a.{name}": shape, f"b.{name}": shape})
    with pytest.raises(WeightsInvalid, match="no LaMa generator"):
        find_prefix({"conv1.weight": (64, 3, 7, 7)})


@pytest.mark.parametrize("blocks", ["ffc", "regular"])
def test_other_networks_are_refused(blocks: str) -> None:
    shapes = shapes_of(LamaConfig(ngf=4, n_blocks=1, blocks=blocks))
    for key in list(shapes)[::3]:
        changed = {k: v for k, v in shapes.items() if k != key}
        for wrong in (changed, changed | {key: ()}, changed | {key: (0, 0, 0, 0)}, changed | {key: (9**9, 9**9, 3, 3)}):
            try:
                inferred = infer_config(wrong)
            except WeightsInvalid:
                continue
            assert shapes_of(inferred) != wrong
