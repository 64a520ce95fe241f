"""The house: arrows point down, packages hold what they need, every source file has its test file."""

import importlib
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
ROOMS = ("flows", "tasks", "models")


def test_the_layers_are_kept(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    monkeypatch.chdir(ROOT)
    status = lint_imports(cache_dir=None, no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_the_contracts_name_every_room_and_only_modules_that_exist() -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    assert PROJECT["tool"]["importlinter"]["root_packages"] == list(ROOMS)
    ours = [m for c in contracts for key in ("layers", "source_modules", "forbidden_modules") for m in c.get(key, ())]
    for module in (m for m in ours if m.split(".")[0] in ROOMS):
        assert importlib.util.find_spec(module), module
    for contract in contracts:
        if "ray" in contract.get("forbidden_modules", ()):
            covered = {*contract["source_modules"], "tasks.run"}
            rooms = {f"tasks.{p.name}" for p in (ROOT / "tasks").iterdir() if (p / "__init__.py").exists()}
            assert rooms <= covered, "a new room of tasks must say that it knows no Ray"


def test_the_console_script_and_the_packages_resolve() -> None:
    for target in PROJECT["project"]["scripts"].values():
        module, _, name = target.partition(":")
        assert callable(getattr(importlib.import_module(module), name))
    included = {pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert included == set(ROOMS)


def test_data_files_are_packed() -> None:
    """Whatever lies in the rooms and is no Python is named in package-data, or an installed `lacuna` would lack it."""
    packed = {
        path
        for room, patterns in PROJECT["tool"]["setuptools"]["package-data"].items()
        for pattern in patterns
        for path in (ROOT / room).glob(pattern)
    }
    found = {
        path
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and "__pycache__" not in path.parts
    }
    assert found <= packed


def test_every_package_has_an_init() -> None:
    folders = {path.parent for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    assert all((folder / "__init__.py").exists() for folder in folders)


def test_every_source_file_has_its_test_file() -> None:
    missing = []
    for source in (path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        path = source.relative_to(ROOT)
        name = path.stem.strip("_")
        if not source.read_text("utf-8").strip() or (name == "init" and "def " not in source.read_text("utf-8")):
            continue  # an empty package, or one that is only a sentence
        if not (ROOT / "tests" / path.parent / f"test_{name}.py").exists():
            missing.append(path.as_posix())
    assert missing == []
