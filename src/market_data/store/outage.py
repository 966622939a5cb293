"""What an error of PostgreSQL means: one table by SQLSTATE, and what the driver raises without one.

What is in it is an outage: callers wait, hand the work back and try again. All else is a bug, and is raised
as it is. Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import socket
from collections.abc import Mapping
from errno import ECONNREFUSED

import asyncpg

from market_data.errors import AccessRefused, Interrupted, ReadOnly, StoreUnavailable

SETTING = "DATABASE_URL"
PORT = 5432
"""PostgreSQL's usual port."""
LONGEST_WORDS = 300
"""Characters of the server's own words that are repeated."""

_Meaning = tuple[type[StoreUnavailable], str]

MEANINGS: Mapping[str, _Meaning] = {
    "08": (Interrupted, "the connection to {at} was lost"),
    "25006": (
        ReadOnly,
        "{at} is read-only, after a failover or by default_transaction_read_only: nothing can be written",
    ),
    "25P03": (Interrupted, "{at} ended a session that was idle in a transaction"),
    "25P04": (StoreUnavailable, "{at} ended a transaction at its transaction_timeout"),
    "28": (AccessRefused, "{at} refuses the user or the password"),
    "3D000": (AccessRefused, "{at} does not exist: the server has no database of that name"),
    "40": (Interrupted, "another transaction was in the way at {at}"),
    "42501": (AccessRefused, "{at} denies a right to the user"),
    "53": (StoreUnavailable, "{at} lacks resources"),
    "53100": (StoreUnavailable, "the disk of {at} is full"),
    "53200": (StoreUnavailable, "{at} is out of memory"),
    "53300": (StoreUnavailable, "{at} has too many connections"),
    "55P03": (Interrupted, "a lock was not available at {at} within lock_timeout"),
    "57": (StoreUnavailable, "{at} gave the statement up"),
    "57014": (StoreUnavailable, "{at} cancelled a statement: its statement_timeout, or somebody"),
    "57P01": (Interrupted, "{at} is shutting down, or somebody ended the session"),
    "57P02": (Interrupted, "{at} crashed and restarts"),
    "57P03": (Interrupted, "{at} is starting or stopping"),
    "57P05": (Interrupted, "{at} ended a session that was idle"),
    "58": (StoreUnavailable, "{at} has an error of its system, such as its disk"),
}
"""By SQLSTATE, or by its first two characters for the rest of a class: the error, and its text."""

_STALE = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)
"""The schema was changed under a prepared statement: the next try prepares it again."""

_GONE = ("connection is closed", "released back to the pool", "pool is closing", "pool is closed")
"""How the driver's words end where a connection has gone: a lost one goes back to its pool by itself."""


def explained(code: str, at: str) -> str:
    """The text of an SQLSTATE that MEANINGS has, for the database at `at`."""
    return f"{SETTING}: {MEANINGS[code][1].format(at=at)}"


def outage(error: BaseException | None, at: str) -> StoreUnavailable | None:
    """The outage that `error`, raised by the driver, means for the database at `at`; None if it is none."""
    found = _meaning(error)
    if found is None:
        return None
    kind, text = found
    words = f": {str(error)[:LONGEST_WORDS]}" if isinstance(error, asyncpg.InsufficientPrivilegeError) else ""
    return kind(f"{SETTING}: {text.format(at=at)}{words}")


def _meaning(error: BaseException | None) -> _Meaning | None:
    match error:
        case _ if isinstance(error, _STALE):
            return Interrupted, "the schema of {at} has changed meanwhile"
        case asyncpg.PostgresError():
            code = str(error.sqlstate)
            return MEANINGS.get(code) or MEANINGS.get(code[:2])
        case asyncpg.InterfaceError() | asyncpg.InternalClientError():
            return _of_driver(error)
        case OSError():
            return _unreached(error)
        case _:
            return None


def _of_driver(error: asyncpg.InterfaceError | asyncpg.InternalClientError) -> _Meaning | None:
    """What an error of the driver itself means: a wrong argument or use is a bug, a lost connection is not.

    What goes wrong while it cleans up after an outage is that outage.
    """
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return ReadOnly, "no server of {at} is one that target_session_attrs asks for"
    if isinstance(error, asyncpg.InternalClientError):
        return Interrupted, "the driver lost track of a connection to {at}"
    if type(error) is not asyncpg.InterfaceError:
        return None
    return MEANINGS["08"] if str(error).endswith(_GONE) else _meaning(error.__context__)


def _unreached(error: OSError) -> _Meaning:
    """What an error of the system means: it has no SQLSTATE, since no server has said anything."""
    if isinstance(error, TimeoutError):
        return StoreUnavailable, "{at} gave no answer in time"
    if isinstance(error, socket.gaierror):
        return StoreUnavailable, "the host name of {at} is not known"
    if isinstance(error, FileNotFoundError | ConnectionRefusedError) or f"Errno {ECONNREFUSED}]" in str(
        error
    ):
        return Interrupted, "nothing listens at {at}"
    if isinstance(error, ConnectionError):
        return MEANINGS["08"]
    return StoreUnavailable, f"{{at}} cannot be reached ({type(error).__name__})"
