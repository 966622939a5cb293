"""Goes through the table, a step after the other, and says what came of each."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from guide import deploying, drills, operating, shell
from guide.errors import Broken, Unfit
from guide.sees import done
from guide.step import Line, Part, Seen, Step, Target, Verdict, until

PARTS = (*deploying.PARTS, *drills.PARTS, *operating.PARTS)
"""The guide, in its order."""
SCREEN_SECONDS = 3.0
"""How long a screen is looked at before it is drawn anew."""
_PROGRAMS = ("psql", "pg_dump", "curl", "jq", "watch", "wscat", "gzip", "gunzip")


def walk(target: Target) -> Iterator[tuple[Part, Iterator[Line]]]:
    """Each section with its lines, which are tried as they are asked for."""
    for part in PARTS:
        yield part, (tried(step, target) for step in part.steps)


def tried(step: Step, target: Target) -> Line:
    """One line of the report."""
    began = time.monotonic()
    try:
        verdict, seen = Verdict.PASS, _seen(step, target)
    except Unfit as unfit:
        verdict, seen = Verdict.SKIP, str(unfit)
        if step.drill:
            target.broken.add(step.drill)
    except Broken as broken:
        verdict, seen = Verdict.FAIL, str(broken)
    except subprocess.TimeoutExpired as late:
        verdict, seen = Verdict.FAIL, f"no end after {late.timeout:.0f} s"
    return Line(step, verdict, seen, time.monotonic() - began)


def _seen(step: Step, target: Target) -> str:
    if step.skip:
        raise Unfit(step.skip)
    if step.drill in target.broken:
        raise Unfit("a step before it could not be tried")
    if step.instead is not None:
        return step.instead(target)
    command = step.stand_in or step.guide
    _require(command, target)
    if step.unless is not None:
        step.unless(target)
    told = _run(step, _typed(command) if step.sql else command, target)
    return f"{told} [{step.why}]" if step.why else told


def _require(command: str, target: Target) -> None:
    """Unfit where a program is not installed, or no database was named for psql."""
    words = set(re.findall(r"(?:^|[|\"] ?)([\w-]+)(?= )", command))
    if missing := [one for one in _PROGRAMS if one in words and shutil.which(one) is None]:
        raise Unfit(f"no {', '.join(missing)} on this machine")
    if words & {"psql", "pg_dump"} and not target.libpq:
        raise Unfit("no database was named: --database-url")


def _typed(statement: str) -> str:
    return f"psql -U trading_user -d trading_db -X -v ON_ERROR_STOP=1 <<'END'\n{statement}\nEND"


def _run(step: Step, command: str, target: Target) -> str:
    judge, command = step.judge or done, shell.worded(command, target)
    if step.terminal:
        return _listened(step, command, target)
    if not step.within:
        return judge(shell.run(command, target), target)
    return until(lambda: judge(shell.run(command, target), target), step.within)


def _listened(step: Step, command: str, target: Target) -> str:
    """What a command shows on a terminal until the judge is content, or the time is over."""
    judge = step.judge or done

    def enough(shown: str) -> bool:
        try:
            judge(Seen(0, shown), target)
        except Broken:
            return False
        return True

    def listen(seconds: float) -> str:
        return judge(shell.run_in_terminal(command, target, enough, seconds), target)

    if (
        step.meanwhile is None or target.stack is None
    ):  # a screen that is drawn anew says more than one that is mended
        return until(lambda: listen(SCREEN_SECONDS), step.within)
    with ThreadPoolExecutor(1) as beside:
        doing = beside.submit(step.meanwhile, target)
        told = listen(step.within)
    return f"{told} ({doing.result()})"
