import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.outcome import BROKEN, OK, USAGE


def invoked(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of a command, in this process."""
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def last_object(out: str) -> dict[str, Any]:
    found = json.loads(out.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_weights_come_in_and_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from models.lama import Lama, LamaConfig

    monkeypatch.setenv("LACUNA_HOME", str(tmp_path / "home"))
    torch.save(Lama(LamaConfig(ngf=4, n_blocks=1)).state_dict(), tmp_path / "x.ckpt")
    source = str(tmp_path / "x.ckpt")
    code, out, _ = invoked("weights", "import", source, "--as", "mine", "--json")
    assert (code, last_object(out)["name"], len(out.splitlines())) == (OK, "mine", 1)
    for wrong in (
        ("import", source, "--as", "mine"),
        ("import", source),
        ("get", "nobody"),
        ("verify", "nobody"),
        ("import",),
    ):
        assert invoked("weights", *wrong)[0] == USAGE
    assert invoked("weights", "import", source, "--as", "mine", "--replace")[0] == OK
    code, out, _ = invoked("weights", "list", "--json")
    assert (code, [row["name"] for row in last_object(out)["weights"]][:2]) == (OK, ["lama-small", "mine"])
    assert (invoked("weights", "list")[0], invoked("weights", "get", "mine")[0]) == (OK, OK)
    code, out, _ = invoked("weights", "verify", "--json")
    assert (code, all(row["ok"] for row in last_object(out)["weights"])) == (OK, True)
    (tmp_path / "home" / "weights" / "mine.safetensors").write_bytes(b"rot")
    code, out, _ = invoked("weights", "verify", "--json")
    assert (code, last_object(out)["weights"][1]["ok"]) == (BROKEN, False)
    assert invoked("weights", "verify", "lama-small")[0] == OK


def test_a_download_that_fails_breaks_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LACUNA_HOME", str(tmp_path / "home"))
    (tmp_path / "mirror").mkdir()
    code, out, err = invoked("weights", "get", "big-lama", "--mirror", str(tmp_path / "mirror"), "--json")
    assert code == BROKEN
    assert "big-lama.pt" in err and "LACUNA_WEIGHTS_MIRROR" in last_object(out)["error"]
    (tmp_path / "mirror" / "big-lama.pt").write_bytes(b"another file")
    assert invoked("weights", "get", "big-lama", "--mirror", str(tmp_path / "mirror"))[0] == BROKEN
