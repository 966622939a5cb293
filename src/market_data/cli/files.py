"""Files that are there once they are whole, and folders that can be made."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from market_data.errors import BadQuestion


def made(folder: Path) -> Path:
    """The folder, made with those above it if need be; BadQuestion where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadQuestion(
            f"{folder}: this folder cannot be made ({error.strerror}): name another place"
        ) from None
    return folder


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """The path to write to; it becomes `file` when the block ends well, else it is removed.

    BadQuestion where it cannot be written there.
    """
    part = file.with_name(f".{file.name}.part")
    if not file.parent.is_dir():
        raise BadQuestion(f"{file}: there is no folder {file.parent}")
    if file.exists() and not file.is_file():  # a folder, or a device that a rename would replace
        raise BadQuestion(f"{file}: it is not a regular file: name another place")
    try:
        try:
            yield part
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise BadQuestion(f"{file}: it cannot be written ({error.strerror})") from None
