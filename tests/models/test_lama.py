from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from models.lama import PATHS, FourierUnit, Lama, LamaConfig, SpectralTransform, down_at, parameter_count, up_at


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (LamaConfig(), 50_975_875),  # big-lama
        (LamaConfig(n_blocks=9), 27_048_835),  # lama-fourier
        (LamaConfig(ngf=32, n_blocks=6), 4_781_123),  # lama-small as it began
    ],
)
def test_parameter_counts_are_the_published_ones(config, count):
    assert parameter_count(config) == count


def test_names_are_the_official_ones():
    with torch.device("meta"):
        names = set(Lama().state_dict())
    for name in (
        "model.1.ffc.convl2l.weight",
        "model.4.bn_g.running_var",
        "model.5.conv1.ffc.convg2g.fu.conv_layer.weight",
        "model.22.conv2.ffc.convg2g.conv1.1.weight",
        "model.24.bias",
        "model.31.running_mean",
        "model.34.bias",
    ):
        assert name in names
    assert not any(name.startswith(("model.0.", "model.23.", "model.33.", "model.35.")) for name in names)


@pytest.mark.parametrize("up_kernel", [3, 4])
@pytest.mark.parametrize("ratio", [0, 0.5, 0.75])
@pytest.mark.parametrize("shape", [(16, 16), (24, 40)])
def test_output_has_the_input_size_and_is_a_picture(up_kernel, ratio, shape):
    model = Lama(LamaConfig(ngf=4, n_blocks=1, ratio=ratio, up_kernel=up_kernel)).eval()
    with torch.inference_mode():
        y = model(torch.rand(2, 4, *shape))
    assert y.shape == (2, 3, *shape)
    assert y.min() > 0 and y.max() < 1


@pytest.mark.parametrize("spectral", [(), ("l2g", "g2g"), ("l2l",), PATHS])
def test_any_path_may_be_spectral(spectral):
    model = Lama(LamaConfig(ngf=4, n_blocks=1, spectral=spectral)).eval()
    ffc = model.model[5].conv1.ffc
    for path in PATHS:
        kind = SpectralTransform if path in spectral else torch.nn.Conv2d
        assert isinstance(getattr(ffc, f"conv{path}"), kind)
    assert isinstance(model.model[4].ffc.convl2g, torch.nn.Conv2d)  # the down-sampling before the blocks stays one
    with torch.inference_mode():
        assert model(torch.rand(1, 4, 16, 24)).shape == (1, 3, 16, 24)


def test_spectral_instead_of_local_convolutions_has_fewer_parameters():
    """9 blocks: in each of 18 layers 128 · 384 · 9 values make way for a spectral transform of 128 to 384 channels."""
    change = 128 * 192 + 2 * 192 + 4 * 192**2 + 4 * 192 + 192 * 384 - 128 * 384 * 9
    assert parameter_count(LamaConfig(n_blocks=9, spectral=("l2g", "g2g"))) == 27_048_835 + 18 * change


@pytest.mark.parametrize("blocks", ["ffc", "regular"])
@pytest.mark.parametrize(("down", "kernel"), [(1, 3), (2, 4), (4, 3)])
def test_skips_join_maps_of_one_size(blocks, down, kernel):
    config = LamaConfig(ngf=4, n_blocks=1, n_downsampling=down, up_kernel=kernel, blocks=blocks, skip=True)
    model = Lama(config).eval()
    seen: dict[int, list[torch.Tensor]] = {level: [] for level in range(down)}
    for level in range(down):
        for index in (down_at(config, level) + 1, up_at(config, level) + 2):  # what the module before has made

            def note(_, inputs, level=level):
                seen[level].append(inputs[0][0] if isinstance(inputs[0], tuple) else inputs[0])

            model.model[index].register_forward_pre_hook(note)
        assert isinstance(model.model[up_at(config, level)], torch.nn.ConvTranspose2d)
    x = torch.rand(1, 4, 32, 48)
    with torch.inference_mode():
        y = model(x)
        for level, maps in seen.items():
            assert [m.shape for m in maps] == 2 * [(1, 4 << level, 32 >> level, 48 >> level)]
        for level in range(down):
            model.skips[level].weight.zero_()
            assert not torch.equal(model(x), y)
            y = model(x)
    plain = Lama(replace(config, skip=False)).eval()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("skips.")})
    with torch.inference_mode():
        assert torch.equal(plain(x), y)


def test_only_a_network_with_skips_has_their_names():
    with torch.device("meta"):
        assert not any(name.startswith("skips.") for name in Lama().state_dict())
        names = set(Lama(LamaConfig(skip=True)).state_dict()) - set(Lama().state_dict())
    assert names == {"skips.0.weight", "skips.1.weight", "skips.2.weight"}


def test_one_network_has_one_configuration():
    for same in ({"spectral": ["g2g"]}, {"spectral": ("g2g", "g2g")}):
        assert LamaConfig(**same) == LamaConfig() and hash(LamaConfig(**same)) == hash(LamaConfig())
    assert LamaConfig(spectral=("g2g", "l2g")).spectral == ("l2g", "g2g")
    assert LamaConfig(ratio=0, spectral=("l2l", "g2g")).spectral == ("l2l",)


@pytest.mark.parametrize("width", [6, 7])
def test_fourier_unit_equals_its_definition(width):
    """relu(W·[re, im]) at each frequency, channel 2k the real part of k and 2k + 1 the imaginary one."""
    torch.manual_seed(0)
    unit = FourierUnit(3).double().eval()
    unit.bn = torch.nn.Identity()
    x = torch.randn(1, 3, 5, width).float()
    weight = unit.float().conv_layer.weight[:, :, 0, 0].detach()
    spectrum = torch.fft.rfftn(x, dim=(-2, -1), norm="ortho")[0]
    expected = torch.empty_like(spectrum)
    for row in range(spectrum.shape[1]):
        for column in range(spectrum.shape[2]):
            parts = torch.stack([spectrum[:, row, column].real, spectrum[:, row, column].imag], 1).flatten()
            made = (weight @ parts).clamp(min=0)
            expected[:, row, column] = torch.complex(made[0::2], made[1::2])
    expected_image = torch.fft.irfftn(expected[None], s=x.shape[-2:], dim=(-2, -1), norm="ortho")
    with torch.inference_mode():
        torch.testing.assert_close(unit(x), expected_image, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"ngf": 0}, {"ngf": 1.5}, {"n_blocks": 10**9}, {"ratio": 1.0}, {"ratio": "0.75"}, {"up_kernel": 5}),
        *(
            {"blocks": "resnet"},
            {"blocks": None},
            {"spectral": "g2g"},
            {"skip": 1},
            {"noise": 1},
            {"spectral": ("g2x",)},
            {"ngf": 1, "n_downsampling": 1},
        ),
    ],
)
def test_impossible_configurations_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LamaConfig(**wrong)
