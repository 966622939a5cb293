"""The pages that are made from the code say what the code says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def _tool() -> ModuleType:
    found = importlib.util.spec_from_file_location("make_docs", ROOT / "tools" / "make_docs.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["asyncapi.json", "configuration.md", "providers.md"])
def test_a_made_page_is_up_to_date(name: str) -> None:
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == _tool().pages()[name], "run `make docs`"


def test_every_link_of_the_readme_leads_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = [part.partition(")")[0] for part in text.split("](")[1:]]
    missing = [one for one in targets if not one.startswith("http") and not (ROOT / one).exists()]
    assert missing == []
