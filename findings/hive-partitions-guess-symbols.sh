#!/usr/bin/env bash
# Readers of Hive partitions guess another type for ticker symbols, each reader for other ones.
#
# Versions: pyarrow 26.0.1, DuckDB 2.0.1, polars 2.1.0; Python 3.11 or later.
# Behaviour: from a folder symbol=VALUE the three take the type by looking at all values. Where every value looks like a
# number, a truth or a date, the column is one: Hong Kong's 0005 and 0700 are 5 and 700 for pyarrow and polars (the zeros
# are gone, DuckDB keeps them); INF alone is the date "infinity" for DuckDB, which Python gets as 9999-12-31; TRUE alone is
# a truth for polars; 1E5 and 2E5 are floats for polars. One more symbol such as AAPL beside them, and all is text again.
# Expected: the text that the folder's name has, in every reader, whatever stands beside it.
# Why it matters: an export of one exchange reads well with its first letters, and loses its symbols without a word where a
# folder holds only such ones; a join on the symbol finds nothing.
# What helps: to name the type (pyarrow.dataset.partitioning, hive_types of DuckDB, hive_schema of polars).
# Seen on 2026-11-30: the lines below.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 duckdb==2.0.1 polars==2.1.0
cat > "$folder/read.py" <<'PY'
import sys
from pathlib import Path

import duckdb
import polars
import pyarrow
import pyarrow.dataset
import pyarrow.parquet


def read(folder: Path, symbols: list[str]) -> tuple[list[object], ...]:
    for symbol in symbols:
        place = folder / f"symbol={symbol}"
        place.mkdir(parents=True)
        pyarrow.parquet.write_table(pyarrow.table({"close": [1.0]}), place / "bars.parquet")
    files = f"{folder}/**/*.parquet"
    rows = duckdb.sql(f"SELECT symbol FROM read_parquet('{files}', hive_partitioning = true) ORDER BY symbol").fetchall()
    found = (
        pyarrow.dataset.dataset(folder, partitioning="hive").to_table().column("symbol").to_pylist(),
        [str(row[0]) if not isinstance(row[0], str | int) else row[0] for row in rows],
        polars.scan_parquet(folder, hive_partitioning=True).collect()["symbol"].to_list(),
    )
    return tuple(sorted(one, key=str) for one in found)


cases = (["0005", "0700"], ["0700", "AAPL"], ["INF"], ["INF", "AAPL"], ["TRUE"], ["1E5", "2E5"])
seen = [read(Path(sys.argv[1]) / str(number), case) for number, case in enumerate(cases)]
for case, (arrow, duck, pola) in zip(cases, seen, strict=True):
    print(f"{case}: pyarrow {arrow}, DuckDB {duck}, polars {pola}")
expected = [
    ([5, 700], ["0005", "0700"], [5, 700]),
    (["0700", "AAPL"],) * 3,
    (["INF"], ["9999-12-31"], ["INF"]),
    (["AAPL", "INF"],) * 3,
    (["TRUE"], ["TRUE"], [True]),
    (["1E5", "2E5"], ["1E5", "2E5"], [100000.0, 200000.0]),
]
if seen != expected:
    print(f"changed: it was {expected}")
    raise SystemExit(1)
print("holds")
PY
"$folder/venv/bin/python" "$folder/read.py" "$folder/data"
