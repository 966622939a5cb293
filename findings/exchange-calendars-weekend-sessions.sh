#!/usr/bin/env bash
# exchange_calendars 4.13.2 loses weekend sessions under a newer pandas, without an error.
#
# Versions: exchange_calendars 4.13.2; pandas 3.0.1 beside pandas 3.1.1; Python 3.11.
# Behaviour: the same calendar (XBOM, Bombay) has fewer sessions under pandas 3.1.1: those on Saturdays and Sundays are gone.
# Expected: the same sessions under every pandas that the package accepts, or an error.
# Why it matters: a service that derives gaps from the calendar takes the bars of such a session for bars that cannot be.
# Seen on 2026-11-30: weekend sessions of XBOM, 2010 to 2025: 2 under pandas 3.0.1, 0 under pandas 3.1.1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/weekend.py" <<'PY'
import exchange_calendars

sessions = exchange_calendars.get_calendar("XBOM", start="2010-01-01", end="2025-12-31").sessions
print(int((sessions.dayofweek >= 5).sum()))
PY
for pandas in 3.0.1 3.1.1; do
  python3 -m venv "$folder/$pandas"
  "$folder/$pandas/bin/pip" install --quiet --disable-pip-version-check "pandas==$pandas" exchange_calendars==4.13.2
done
older=$("$folder/3.0.1/bin/python" "$folder/weekend.py" 2>/dev/null)
newer=$("$folder/3.1.1/bin/python" "$folder/weekend.py" 2>/dev/null)
echo "weekend sessions of XBOM, 2010 to 2025: $older under pandas 3.0.1, $newer under pandas 3.1.1"
if [ "$newer" -lt "$older" ]; then
  echo holds
else
  echo "changed: the two agree, or the newer one has more"
  exit 1
fi
