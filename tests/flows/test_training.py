import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import flows.train
from flows import training
from flows.cli import BROKEN, OK, USAGE, app
from flows.training import checked, launch_train
from tasks.errors import PoolFailure, UsageError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write(tmp_path / "c.yaml")


def write(path: Path, **changes: Any) -> Path:
    tree: dict[str, Any] = {"data": {"photos": "photos"}, "loss": {"hrf": 0}, "steps": 2}
    path.write_text(yaml.safe_dump(tree | changes))
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lr": -1}, r"lr: .*greater than 0 \(given: -1\)"),
        ({"speed": 1}, "speed: there is no such setting; allowed here: network, data"),
        ({"data": {"photos": "p", "crop_px": 50}}, "data.crop_px"),
        ({"loss": {}}, "loss: .*hrf_encoder"),
    ],
)
def test_mistakes_in_settings_name_the_key(config: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        checked(str(write(config, **changes)), "out", False)


def test_what_is_no_configuration_is_said(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"a: [\xff")
    for name in ("c.yaml", "none.yaml"):
        with pytest.raises(UsageError, match=name):
            checked(str(tmp_path / name), "out", False)


def test_the_command(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    order: list[Any] = []

    @contextmanager
    def opened() -> Iterator[None]:
        order.append("server")
        yield
        order.append("end")

    def flow(*given: Any) -> dict[str, Any]:
        order.append(given)
        logging.getLogger("lacuna.training").info("step 1")
        return {"weights": "w.safetensors", "medium_psnr": 16.123456789}

    monkeypatch.setattr(training, "prefect_api", opened)
    monkeypatch.setattr(training, "wait_for_api", lambda: order.append("ready"))
    monkeypatch.setattr(flows.train, "train", flow)
    with pytest.raises(UsageError):
        launch_train("none.yaml", "out", False)
    assert order == []
    launch_train(str(config), str(tmp_path), True)
    assert order == ["server", "ready", (str(config), str(tmp_path), True), "end"]
    assert "step 1" in capsys.readouterr().err
    assert not logging.getLogger("lacuna.training").handlers

    def invoked(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["train", *arguments], catch_exceptions=False)
        return result.exit_code, result.stdout

    assert invoked(str(config), "--out", str(tmp_path)) == (
        OK,
        f"{'weights':24} w.safetensors\n{'medium_psnr':24} 16.1235\n",
    )
    code, said = invoked(str(config), "--out", str(tmp_path), "--resume", "--json")
    assert (
        code == OK
        and json.loads(said)["weights"] == "w.safetensors"
        and order[-2] == (str(config), str(tmp_path), True)
    )
    assert invoked("none.yaml", "--out", str(tmp_path))[0] == USAGE

    def failing(*_: Any) -> None:
        raise PoolFailure("step 7: no")

    monkeypatch.setattr(flows.train, "train", failing)
    assert invoked(str(config), "--out", str(tmp_path))[0] == BROKEN


def test_a_folder_with_another_run_is_left_alone(config: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").touch()
    with pytest.raises(UsageError, match="--resume"):
        checked(str(config), str(tmp_path), False)
    assert checked(str(config), str(tmp_path), True).steps == 2
