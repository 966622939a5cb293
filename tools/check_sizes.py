"""Holds the sizes: no file over 400 lines, the median at most 120, no function over 40."""

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

LONGEST_FILE = 400
MEDIAN_FILE = 120
LONGEST_FUNCTION = 40


def long_functions(path: Path) -> Iterator[str]:
    """A line for each function of a file whose statements, without its docstring, span too many lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            length = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            if length > LONGEST_FUNCTION:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines, {LONGEST_FUNCTION} are allowed"


def main() -> int:
    """Print what is too long; 1 if anything is."""
    files = sorted(Path("src").rglob("*.py"))
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    problems = [
        f"{path}: {length} lines, {LONGEST_FILE} are allowed"
        for path, length in lengths.items()
        if length > LONGEST_FILE
    ]
    problems += [line for path in files for line in long_functions(path)]
    median = statistics.median(lengths.values())
    if median > MEDIAN_FILE:
        problems.append(f"the median file has {median:g} lines, {MEDIAN_FILE} are allowed")
    sys.stdout.writelines(f"{line}\n" for line in problems)
    sys.stdout.write(f"{len(files)} files, median {median:g} lines, longest {max(lengths.values())}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
