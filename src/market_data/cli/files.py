"""Files that are there once they are whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from market_data.errors import BadQuestion


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """The path to write to; it becomes `file` when the block ends well, else it is removed.

    BadQuestion where it cannot be written there.
    """
    part = file.with_name(f".{file.name}.part")
    if not file.parent.is_dir():
        raise BadQuestion(f"{file}: there is no folder {file.parent}")
    try:
        try:
            yield part
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise BadQuestion(f"{file}: it cannot be written ({error.strerror})") from None
