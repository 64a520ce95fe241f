"""Writes docs/settings.md from the settings tree: python infra/docs/settings.py"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from flows.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
HEAD = """# Settings

One tree, from a recipe (`--recipe NAME|FILE.yaml`) and `--set key.sub=value` (values are YAML; `--set` wins). Unknown keys and
impossible values are refused before anything is read. Written by `python infra/docs/settings.py`.

| key | default | allowed | |
|---|---|---|---|
"""


def allowed(schema: dict[str, Any]) -> str:
    """What a value may be, from its JSON schema."""
    if "anyOf" in schema:
        return ", ".join(allowed(part) for part in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return "list"
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = " and ".join(f"{sign} {schema[key]:g}" for key, sign in bounds.items() if key in schema)
    kind = {
        "integer": "integer",
        "number": "number",
        "string": "text",
        "null": "nothing",
        "boolean": "`true`, `false`",
    }[schema["type"]]
    return f"{kind} {limits}".strip()


def lines(model: type[BaseModel], path: str = "") -> list[str]:
    """A table row for each leaf."""
    rows = []
    properties = model.model_json_schema()["properties"]
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            rows += lines(kind, f"{path}{name}.")
            continue
        default = json.dumps(field.get_default(call_default_factory=True), ensure_ascii=False)
        text = " ".join((field.description or "").split())
        rows.append(f"| `{path}{name}` | `{default}` | {allowed(properties[name])} | {text} |")
    return rows


def page() -> str:
    """The whole page."""
    return HEAD + "\n".join(lines(Settings)) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(PAGE)
