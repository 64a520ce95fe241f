import json
import re
from pathlib import Path

import pytest
import yaml

from tasks.errors import ERROR_TYPES
from tasks.run.metrics import COUNTERS, GAUGES, STEPS

FOLDER = Path(__file__).parents[2] / "infra" / "monitoring"
EXPORTED = {f"ray_{name}_total": labels for name, (_, labels) in COUNTERS.items()} | {f"ray_{g}": () for g in GAUGES}


def dashboard() -> list[str]:
    panels = json.loads((FOLDER / "grafana.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def alerts() -> list[str]:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert all(set(rule["annotations"]) == {"summary"} for rule in rules)  # a comma makes more of them
    return [rule["expr"] for rule in rules]


@pytest.mark.parametrize("expression", [*dashboard(), *alerts()])
def test_what_is_asked_for_is_exported(expression: str) -> None:
    for name, labels in re.findall(r"(ray_lacuna_\w+)(?:\{([^}]*)\})?", expression):
        assert name in EXPORTED
        for label in re.findall(r"(\w+)\s*=", labels):
            assert label in EXPORTED[name]
    by = re.search(r"by \(([^)]*)\)", expression)
    asked = [name for name in re.findall(r"ray_lacuna_\w+", expression) if name in EXPORTED]
    if by and asked:
        assert set(by[1].split(", ")) <= set(EXPORTED[asked[0]])
    for value in re.findall(r'error=~?"([^"]*)"', expression):
        assert set(value.split("|")) <= set(ERROR_TYPES)


def test_everything_exported_is_shown() -> None:
    shown = "\n".join(dashboard())
    # megapixels and items tell how many holes there are well enough
    assert {name for name in EXPORTED if name not in shown} == {"ray_lacuna_holes_total"}


def test_panels_do_not_overlap() -> None:
    places = set()
    for panel in json.loads((FOLDER / "grafana.json").read_text())["panels"]:
        at = panel["gridPos"]
        mine = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not mine & places
        places |= mine


def test_prometheus_finds_the_rules() -> None:
    settings = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    assert all((FOLDER / name).is_file() for name in settings["rule_files"])
    assert (
        "/tmp/ray/prom_metrics_service_discovery.json" in settings["scrape_configs"][0]["file_sd_configs"][0]["files"]
    )


def test_the_steps_are_columns() -> None:
    from tasks.publish.schema import RESULTS_SCHEMA

    assert {f"{step}_s" for step in STEPS} <= set(RESULTS_SCHEMA.names)
