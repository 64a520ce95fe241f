from pathlib import Path
from typing import Any

import pytest
import torch

from flows.benchmarking import Comparison, checked, print_benchmark
from tasks.errors import UsageError
from tests.models.backbones.reference import reference


def asked(**changes: Any) -> Comparison:
    given: dict[str, Any] = {"photos": "p", "methods": ("telea",), "masks": ("thin",), "out": "o"}
    return Comparison(**given | changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"methods": ("nosuch",)}, "--methods nosuch"),
        ({"methods": ()}, "at least one"),
        ({"masks": ("thin", "fat")}, "thin, medium, thick"),
        ({"masks": ()}, "thin, medium, thick"),
        ({"out": " "}, "--out is empty"),
        ({"sets": ("fill.contexts=3",)}, "fill.contexts: there is no such setting"),
        ({"methods": ("recipe:nosuch",)}, "neither a recipe"),
        ({"methods": ("pass:regions",), "sets": ("correct.steps=[nosuch]",)}, "correct.steps"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        checked(asked(**changes))


def test_networks_of_the_home_are_found_and_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LACUNA_HOME", str(tmp_path))
    assert checked(asked()).networks.given() == {}
    (tmp_path / "networks").mkdir()
    torch.save(reference().state_dict(), tmp_path / "networks/fid.pth")
    assert checked(asked()).networks.given() == {"fid": tmp_path / "networks/fid.pth"}
    (tmp_path / "networks/lpips.pth").write_bytes(b"rot")
    with pytest.raises(UsageError, match=r"measuring network cannot be read.*lpips\.pth"):
        checked(asked())


def test_the_hole_is_the_mask_and_a_pass_is_not_corrected() -> None:
    made = asked(sets=("fill.context=4",))
    one, recipe = made.settings_of("pass", "multiscale", None), made.settings_of("recipe", "balanced", "lama-small")
    assert (one.fill.passes, one.correct.steps) == (("multiscale",), ())
    assert recipe.correct.steps
    for settings in (one, recipe):
        assert (settings.mask.dilate_px, settings.mask.feather_px, settings.fill.context) == (0, 0, 4)


def test_masks_count_once() -> None:
    assert checked(asked(masks=("thin", "thick", "thin"))).masks == ("thin", "thick")


def test_the_tables_are_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    titles = ["method", "photos", *(f"measure {n}" for n in range(12))]
    row = ["folder:/a/[b]/:smile:", "4", *(f"**{n}.123** ± 4.56" for n in range(12))]
    print_benchmark(
        {"photos": 4, "tables": {"thin": (titles, [row])}, "notes": ["Note."], "written": {"rows": "/o/[x]/rows"}}
    )
    out = capsys.readouterr().out
    assert all(f"{n}.123 ± 4.56" in out for n in range(12))
    for said in ("thin masks, 4 photos", "folder:/a/[b]/:smile:", "Note.", "rows:     /o/[x]/rows"):
        assert said in out
