import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_settings_is_what_the_tree_says_and_leaves_nothing_undescribed() -> None:
    page = runpy.run_path(str(ROOT / "infra/docs/settings.py"))["page"]()
    assert (ROOT / "docs/settings.md").read_text("utf-8") == page, "run: python infra/docs/settings.py"
    assert not [line for line in page.splitlines() if line.startswith("| `") and line.endswith("|  |")]
