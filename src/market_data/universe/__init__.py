"""How the universe is changed: files are read and judged row by row, and every change is a version."""

from market_data.universe.change import (
    Outcome,
    bring,
    change,
    compare,
    read_tag,
    rename,
    retier,
    roll_back,
    version_of,
)
from market_data.universe.draft import Draft, draft
from market_data.universe.files import MOST_BYTES, FileKind, Sheet, drafts_of, read_file, written
from market_data.universe.same import as_held, doubles

__all__ = [
    "MOST_BYTES",
    "Draft",
    "FileKind",
    "Outcome",
    "Sheet",
    "as_held",
    "bring",
    "change",
    "compare",
    "doubles",
    "draft",
    "drafts_of",
    "read_file",
    "read_tag",
    "rename",
    "retier",
    "roll_back",
    "version_of",
    "written",
]
