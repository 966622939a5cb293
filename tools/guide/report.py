"""The report: what was promised and what was seen, line by line."""

import textwrap
from collections.abc import Iterable

from guide.step import Line, Part, Verdict

WIDTH = 120
LONG_SECONDS = 1.0
"""What took longer says so."""


def heading(part: Part) -> str:
    """A section's title."""
    return f"\n== {part.title}\n"


def entry(line: Line) -> str:
    """One line of the guide."""
    step = line.step
    first, *rest = (step.guide or f"({step.promise})").splitlines()
    told = [f"{line.verdict}  {first}", *(f"      {one}" for one in rest)]
    if step.guide and step.promise:
        told.append(_field("promised", step.promise))
    word = {Verdict.SKIP: "because"}.get(line.verdict, "seen")
    took = f" ({line.seconds:.1f} s)" if line.seconds >= LONG_SECONDS else ""
    told.append(_field(word, line.seen + took))
    return "\n".join(told) + "\n"


def summary(lines: Iterable[Line], seconds: float) -> str:
    """How many of each, and the failures once more."""
    found = list(lines)
    count = {verdict: sum(one.verdict is verdict for one in found) for verdict in Verdict}
    failed = [entry(one) for one in found if one.verdict is Verdict.FAIL]
    again = "\n== what failed\n" + "".join(failed) if failed else ""
    numbers = ", ".join(f"{number} {verdict}" for verdict, number in count.items())
    return f"{again}\n{len(found)} lines: {numbers}; {seconds:.0f} s\n"


def _field(name: str, text: str) -> str:
    return textwrap.fill(
        f"{name + ':':10}{text}",
        WIDTH,
        initial_indent=" " * 6,
        subsequent_indent=" " * 16,
        break_long_words=False,
        break_on_hyphens=False,
    )
