from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from models.training.loss_settings import (
    AdversarialSettings,
    DistilSettings,
    EncoderSettings,
    LossSettings,
    MultiscaleSettings,
)


def test_the_defaults_are_lama_s():
    loss, adversarial = LossSettings(hrf_encoder="resnet.pth"), AdversarialSettings()
    assert (loss.l1_known, loss.l1_hole, loss.l1_over, loss.hrf, loss.picture) == (10, 0, "image", 30, "prediction")
    assert (adversarial.weight, adversarial.feature_matching, adversarial.mask_aware) == (10, 100, True)
    assert adversarial.kind == "non_saturating" and adversarial.lr == 1e-4


def test_a_path_is_an_encoder():
    assert LossSettings(hrf=0, encoder="v.safetensors").encoder == EncoderSettings(weights=Path("v.safetensors"))
    assert EncoderSettings.model_validate(Path("x")).network == "vgg19"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (LossSettings, "hrf_encoder"),
        (lambda: LossSettings(hrf=0, style=1), "encoder"),
        (lambda: LossSettings(hrf=0, perceptual=1), "encoder"),
        (lambda: LossSettings(hrf=0, l1_hole=-1), "l1_hole"),
        (lambda: AdversarialSettings(kind="hinge"), "kind"),
        (lambda: AdversarialSettings(discriminator={"norm": "layer"}), "norm"),
        (lambda: MultiscaleSettings(scales=(1,)), "scales"),
        (lambda: MultiscaleSettings(scales=(0.5, 1)), "scales"),
        (lambda: MultiscaleSettings(scales=(1, 0.5), weights=(1, 2)), "weights"),
        (DistilSettings, "teacher"),
    ],
)
def test_mistakes_are_refused(make, why):
    with pytest.raises(ValidationError, match=why):
        make()
