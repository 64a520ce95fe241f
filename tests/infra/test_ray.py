"""The files that describe a cluster are of the form that Ray and KubeRay want, and ask for what the pool relies on."""

import copy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import ValidationError
from typer.testing import CliRunner

from flows.settings import compose

INFRA = Path(__file__).parents[2] / "infra"


@pytest.fixture
def launched() -> dict[str, Any]:
    """infra/ray-cluster.yaml as `ray up` takes it: with Ray's defaults for AWS."""
    from ray.autoscaler._private.util import prepare_config

    made: dict[str, Any] = prepare_config(yaml.safe_load((INFRA / "ray-cluster.yaml").read_text()))
    return made


@pytest.fixture
def job() -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load((INFRA / "kuberay/rayjob.yaml").read_text())
    return made


def test_ray_takes_the_launchers_file(launched: dict[str, Any]) -> None:
    from ray.autoscaler._private.util import validate_config

    validate_config(launched)
    broken = copy.deepcopy(launched)
    broken["available_node_types"]["cpu_spot"]["min_worker"] = 1
    with pytest.raises(ValidationError, match="min_worker"):
        validate_config(broken)


def test_the_head_takes_no_work_and_is_no_spot_instance(launched: dict[str, Any]) -> None:
    kinds = launched["available_node_types"]
    head = kinds.pop(launched["head_node_type"])
    assert head["resources"]["CPU"] == 0
    assert "InstanceMarketOptions" not in head["node_config"]
    assert all(kind["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"} for kind in kinds.values())
    assert all(kind["min_workers"] == 0 for kind in kinds.values())
    assert sum(kind["max_workers"] for kind in kinds.values()) <= launched["max_workers"]
    assert [kind["resources"]["CPU"] for kind in kinds.values() if kind["resources"].get("GPU")] == [0]


def test_every_node_wants_the_token(launched: dict[str, Any]) -> None:
    assert "~/.ray/auth_token" in launched["file_mounts"]
    starts = [*launched["head_start_ray_commands"], *launched["worker_start_ray_commands"]]
    assert all("RAY_AUTH_MODE=token" in command for command in starts if "ray start" in command)
    assert any("RAY_AUTH_MODE=token" in command for command in launched["setup_commands"])


def test_what_nodes_are_set_up_with_is_in_the_tree(launched: dict[str, Any]) -> None:
    commands = [
        *launched["head_setup_commands"],
        *launched["worker_setup_commands"],
        *launched["available_node_types"]["gpu_spot"]["worker_setup_commands"],
    ]
    named = {word.removeprefix("~/lacuna/") for command in commands for word in command.split() if "infra/" in word}
    assert named
    assert all((INFRA.parent / name).is_file() for name in named)


def test_the_job_is_a_ray_job_that_ends_with_its_cluster(job: dict[str, Any]) -> None:
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec, cluster = job["spec"], job["spec"]["rayClusterSpec"]
    assert spec["shutdownAfterJobFinishes"] is True
    assert cluster["authOptions"] == {"mode": "token", "secretName": "lacuna-ray-token"}
    assert cluster["enableInTreeAutoscaling"] is True
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert "nodeSelector" not in cluster["headGroupSpec"]["template"]["spec"]
    groups = {group["groupName"]: group for group in cluster["workerGroupSpecs"]}
    assert all(group["minReplicas"] == group["replicas"] == 0 < group["maxReplicas"] for group in groups.values())
    pods = [cluster["headGroupSpec"]["template"], *[group["template"] for group in groups.values()]]
    for pod in pods:
        (container,) = pod["spec"]["containers"]
        assert container["resources"]["limits"] == container["resources"]["requests"]
        assert pod["spec"]["restartPolicy"] == "Never"
    assert groups["generators"]["rayStartParams"]["num-cpus"] == "0"
    (container,) = groups["generators"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_the_job_runs_the_command_with_settings_that_exist(job: dict[str, Any]) -> None:
    from flows.cli import app

    words = job["spec"]["entrypoint"].split()
    assert words[:2] == ["lacuna", "restore"]
    told = [value for option, value in pairwise(words) if option == "--set"]
    runtime = compose("balanced", told).runtime
    workers = {group["groupName"]: group for group in job["spec"]["rayClusterSpec"]["workerGroupSpecs"]}
    assert runtime.wait_for_gpus
    assert runtime.generators == workers["generators"]["maxReplicas"]
    cpus = int(workers["restorers"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"])
    assert runtime.max_actors == workers["restorers"]["maxReplicas"] * cpus
    said = CliRunner().invoke(app, ["restore", "--help"], env={"COLUMNS": "200"}).output
    assert all(word in said for word in words if word.startswith("--"))
