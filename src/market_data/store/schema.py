"""Versions of the schema: the steps in the migration files, compared with those that a database has had."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from market_data.errors import BadConfig

CORE = "20251008_market_data_core.sql"
"""The migration for any PostgreSQL."""
TIMESCALE = "20251008_timescale_market_data.sql"
"""The migration for TimescaleDB, which includes the other."""
APACHE = "apache"
"""The value of `timescaledb.license` on a server without compression, continuous aggregates and policies."""
COMMAND = "market-data migrate"
"""What brings a database up to date."""
COMMUNITY = (
    "install the community build (package timescaledb-2-postgresql-N of Timescale), set timescaledb.license ="
    " 'timescale' in postgresql.conf, and start PostgreSQL again"
)
"""What gives a server all features of TimescaleDB."""

_INCLUDED = f"\\ir {CORE}\n"
_LAST = "-- Last: "
"""What follows in a migration is for psql: here the service does it, in the background."""
_STEP = re.compile(r"INSERT INTO schema_version \(part, version\) VALUES \('(\w+)', '(\d+\.\d+\.\d+)'\)")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A step of the schema: of the core or of what TimescaleDB adds."""

    part: str
    number: tuple[int, ...]

    @classmethod
    def of(cls, part: str, number: str) -> "Version":
        """`Version.of("core", "0.2.0")`."""
        return cls(part, tuple(map(int, number.split("."))))

    def __str__(self) -> str:
        return f"{self.part} {'.'.join(map(str, self.number))}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a database compares with this program. `made`: it has our tables; `scaled`: it has TimescaleDB.

    `apache`: it has TimescaleDB with its Apache-licensed features alone: it is used as plain PostgreSQL.
    """

    found: tuple[Version, ...]
    made: bool
    scaled: bool
    apache: bool = False

    @property
    def missing(self) -> tuple[Version, ...]:
        """The steps that have to be applied, in their order."""
        wanted = (one for one in known() if one.part == "core" or self.scaled)
        return tuple(one for one in wanted if one not in self.found)

    @property
    def newer(self) -> tuple[Version, ...]:
        """The steps that only a later program knows."""
        return tuple(sorted(set(self.found) - set(known())))

    @property
    def foreign(self) -> tuple[Version, ...]:
        """Of the newer steps those that this program cannot work with: their first number is another."""
        return tuple(one for one in self.newer if one.number[0] > _newest(one.part, known()).number[0])

    def problem(self, command: str = COMMAND) -> str | None:
        """Why this program cannot work on the database, and what to do; None where it can."""
        if self.foreign:
            return (
                f"the schema of the database is {_listed(self.foreign)}, which this program cannot use"
                f" (it knows {self._known()}): use a later version of this program"
            )
        if self.apache and any(version.part == "timescaledb" for version in self.found):
            return (
                "its chunks, aggregates and policies were made by the community build of TimescaleDB, but now"
                f" timescaledb.license is '{APACHE}': {COMMUNITY}"
            )
        if not self.made and not self.found:
            return f"the database has no tables of the service yet: `{command}` makes them"
        if self.missing:
            return (
                f"the schema of the database is out of date, it lacks {_listed(self.missing)}:"
                f" run `{command}` (the service may run meanwhile)"
            )
        return None

    @property
    def warning(self) -> str | None:
        """What an operator should know though this program can work on the database."""
        if self.apache:
            return f"{self.lacking}: it is used as plain PostgreSQL. For these, {COMMUNITY}"
        if not self.newer:
            return None
        return (
            f"the schema of the database is {_listed(self.newer)}, newer than this program"
            f" (it knows {self._known()}): upgrade it soon; it goes on"
        )

    @property
    def lacking(self) -> str:
        """What its TimescaleDB lacks; "" where it lacks nothing."""
        if not self.apache:
            return ""
        return (
            "this TimescaleDB has only its Apache-licensed features: no compression, aggregates or retention"
        )

    def __str__(self) -> str:
        parts = sorted({one.part for one in self.found})
        return _listed(_newest(part, self.found) for part in parts)

    def _known(self) -> str:
        return _listed(
            _newest(part, known()) for part in (["core", "timescaledb"] if self.scaled else ["core"])
        )


def migrations() -> list[Path]:
    """The migration files, in the order in which they are applied: the last one only to TimescaleDB."""
    packaged = Path(str(files("market_data.store").joinpath("migrations")))
    folder = packaged if packaged.is_dir() else Path(__file__).parents[3] / "db" / "migrations"
    found = [folder / CORE, folder / TIMESCALE]
    if not all(one.is_file() for one in found):
        raise BadConfig([f"no migration files in {folder}: the installation is incomplete"])
    return found


def script(path: Path) -> str:
    """What the service applies of a migration file: without what is there for psql."""
    return path.read_text(encoding="utf-8").partition(_LAST)[0].replace(_INCLUDED, "")


@cache
def known() -> tuple[Version, ...]:
    """The steps in the migration files, oldest first."""
    text = "".join(path.read_text(encoding="utf-8") for path in migrations())
    return tuple(Version.of(*one) for one in _STEP.findall(text))


def _newest(part: str, versions: Iterable[Version]) -> Version:
    return max((version for version in versions if version.part == part), default=Version(part, (0,)))


def _listed(versions: Iterable[Version]) -> str:
    return ", ".join(map(str, versions))
