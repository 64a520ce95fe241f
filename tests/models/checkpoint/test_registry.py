from __future__ import annotations

import re
import subprocess
import sys

from models.checkpoint.registry import REGISTRY
from models.weights import EMBEDDED, NAME


def test_every_entry_can_be_found_and_verified():
    assert len({entry.name for entry in REGISTRY}) == len({entry.file for entry in REGISTRY}) == len(REGISTRY)
    for entry in REGISTRY:
        assert NAME.fullmatch(entry.name) and not (EMBEDDED / f"{entry.name}.safetensors").exists()
        assert entry.url.startswith("https://") and entry.url.endswith(f"/{entry.file}")
        assert entry.size > 0 and entry.licence and entry.about and entry.known_by
        assert entry.sha256 or entry.md5
        assert entry.sha256 is None or re.fullmatch("[0-9a-f]{64}", entry.sha256)
        assert entry.md5 is None or re.fullmatch("[0-9a-f]{32}", entry.md5)


def test_the_published_facts_of_big_lama():
    entry = next(entry for entry in REGISTRY if entry.name == "big-lama")
    assert (entry.size, entry.md5) == (205_669_692, "e3aa4aaa15225a33ec84f9f4bc47e500")
    assert entry.sha256 is not None and entry.sha256.startswith("344c77bbcb158f17")


def test_reading_it_needs_no_torch():
    code = "import sys, models.checkpoint.registry; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
