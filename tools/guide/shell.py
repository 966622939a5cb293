"""Runs the guide's commands: as they stand, but where the guide's addresses stand for those of the target."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

from guide.step import Seen, Target

COMMAND_SECONDS = 60.0
"""How long a command may take."""
STOP_SECONDS = 5.0
"""How long one that is stopped may take to end before it is killed."""
GUIDES_URL, GUIDES_DAY = "localhost:8001", "2025-10-08"
_MOVE = re.compile(r"\x1b\[[\d;]*[Hd]")  # to another line, where a whole screen is shown
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\r")
_ROLE = re.compile(r"-U trading_user (?:-d )?trading_db\b")


def worded(command: str, target: Target) -> str:
    """The command with the target's address, day and database in the place of the guide's."""
    host = target.url.partition("://")[2]
    command = command.replace(f"http://{GUIDES_URL}", target.url).replace(GUIDES_URL, host)
    if target.day:
        command = command.replace(GUIDES_DAY, target.day)
    command = command.replace("/path/to/", "path/to/")  # in the folder of the run
    if command.startswith("psql -c") and target.stack is not None:
        command = command.replace("psql -c", "psql -d trading_db -c", 1)
    if target.stack is None:  # its names are in the environment
        command = re.sub(r" +$", "", _ROLE.sub("", command), flags=re.MULTILINE)
    return command


def run(command: str, target: Target) -> Seen:
    """What a command gives, in bash, in the target's folder."""
    done = subprocess.run(
        [_bash(), "-c", command],
        cwd=target.home,
        env=_environment(target),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=COMMAND_SECONDS,
        check=False,
    )
    return Seen(done.returncode, done.stdout, done.stderr)


def run_in_terminal(command: str, target: Target, enough: Callable[[str], bool], seconds: float) -> Seen:
    """What a command shows on a terminal until it is `enough` or the time is over; then it gets a Ctrl-C."""
    lead, follow = pty.openpty()
    process = subprocess.Popen(
        [_bash(), "-c", f"exec {command}"],
        cwd=target.home,
        env=_environment(target),
        stdin=follow,
        stdout=follow,
        stderr=follow,
        start_new_session=True,
    )
    os.close(follow)
    try:
        shown = _shown(lead, process, enough, seconds)
    finally:
        _stop(process)
        os.close(lead)
    return Seen(0, shown)


def _shown(lead: int, process: subprocess.Popen[bytes], enough: Callable[[str], bool], seconds: float) -> str:
    end, raw, text = time.monotonic() + seconds, b"", ""
    while time.monotonic() < end and not enough(text):
        ready, _, _ = select.select([lead], [], [], 0.2)
        if ready:
            try:
                raw += os.read(lead, 1 << 16)
            except OSError:  # Linux's way to say that nobody is there any more
                break
            text = _CONTROL.sub("", _MOVE.sub("\n", raw.decode("utf-8", "replace")))
        elif process.poll() is not None:
            break
    return text


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _environment(target: Target) -> dict[str, str]:
    """Where curl is quiet but for errors, psql asks for no password and finds the target, and times are UTC."""
    curlrc = target.home / ".curlrc"
    if not curlrc.exists():
        curlrc.write_text("silent\nshow-error\n", encoding="utf-8")
    own = {
        "CURL_HOME": str(target.home),
        "PGCONNECT_TIMEOUT": "10",
        "PGTZ": "UTC",
        "PAGER": "cat",
        "TERM": "xterm",
    }
    return {**os.environ, **own, "COLUMNS": "200", "LINES": "50", **target.libpq}


def _bash() -> str:
    return shutil.which("bash") or "/bin/bash"
