"""What can be checked of the container files where no engine runs: that they agree with each other and with the scripts."""

import os
import re
import shlex
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
COMPOSE: dict[str, Any] = yaml.safe_load((INFRA / "compose.yaml").read_text("utf-8"))
OURS = {name: service for name, service in COMPOSE["services"].items() if "build" in service}


def of_places() -> set[str]:
    """Variables that the deployments take from the environment."""
    return set(re.findall(r"\{\{ \$(\w+) \}\}", (INFRA / "prefect.yaml").read_text("utf-8")))


def test_every_service_has_a_role_that_start_knows_and_is_stopped_gently() -> None:
    roles = set(re.findall(r"^  ([a-z-]+)\)", (INFRA / "container/start").read_text("utf-8"), re.MULTILINE))
    assert {service["environment"]["LACUNA_ROLE"] for service in OURS.values()} == roles
    assert all(service["init"] and service["cap_drop"] == ["ALL"] for service in OURS.values())


def test_what_depends_on_a_service_waits_until_it_is_healthy_or_done() -> None:
    checked = set(OURS) | {name for name, service in COMPOSE["services"].items() if "healthcheck" in service}
    for service in COMPOSE["services"].values():
        for name, how in service.get("depends_on", {}).items():
            done = COMPOSE["services"][name]["environment"].get("LACUNA_ROLE") == "seed"
            assert how["condition"] == ("service_completed_successfully" if done else "service_healthy")
            assert name in checked


def test_the_worker_has_every_place_of_the_deployments_and_no_port_is_open_to_others() -> None:
    worker = COMPOSE["services"]["worker"]["environment"]
    assert of_places() <= set(worker)
    listed = re.search(r"for name in (.*); do", (INFRA / "container/deploy").read_text("utf-8"))
    assert listed
    assert set(listed[1].split()) == of_places()
    for service in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert ":?" in worker["RAY_AUTH_TOKEN"]  # no token that everybody knows


def test_the_dockerfile_copies_what_there_is_and_the_context_lets_it() -> None:
    text = re.sub(r"\\\n", " ", (INFRA / "Dockerfile").read_text("utf-8"))
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    copied = [shlex.split(line)[1:-1] for line in text.splitlines() if line.startswith("COPY") and "--from" not in line]
    for source in [one for line in copied for one in line]:
        assert (ROOT / source).exists(), source
        assert any(Path(source).is_relative_to(keep) for keep in kept), source
    assert re.search(r"^USER (?!0|root)", text, re.MULTILINE)
    assert "HEALTHCHECK" in text
    # what the scripts are, and what pip builds from, can be run and is there
    for script in ("install", "start", "healthy", "deploy"):
        assert os.access(INFRA / "container" / script, os.X_OK)
    assert "infra/constraints.txt" in (INFRA / "container/install").read_text("utf-8")
