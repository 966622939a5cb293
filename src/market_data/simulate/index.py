"""The page at /: what this server is, where its providers are, and every switch."""

from collections.abc import Iterable
from html import escape

from market_data.simulate.fault import FAULTS, Fault
from market_data.simulate.protocol import INVALID_KEY, Plan
from market_data.simulate.simulator import Simulator

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}"
    "pre{overflow:auto}"
)
_EXAMPLE = """\
curl {origin}/sim/state
curl -X POST {origin}/sim/faults -d '{{"provider":"yahoo","fault":"http_429","value":30,"times":5}}'
curl -X DELETE '{origin}/sim/faults?provider=yahoo'
curl -X POST {origin}/sim/plans -d '{{"provider":"finnhub","plan":"premium"}}'
curl '{origin}/sim/bars/AAPL?start=2025-03-03T14:30:00Z&end=2025-03-03T15:00:00Z'
"""
_CALLS = (
    ("GET /sim/state", "clock, seed, plans, faults, and the calls counted since the start"),
    (
        "POST /sim/faults",
        'switch on: {"provider", "fault", "symbol"?, "value"?, "probability"?, "times"?}; provider * is all',
    ),
    ("DELETE /sim/faults?provider=&fault=", "switch off what matches; both may be left out"),
    ("POST /sim/plans", f'{{"provider", "plan"}} with {", ".join(Plan)}'),
    ("GET /sim/bars/{symbol}?start=&end=&interval=", "the truth, whatever faults are on"),
)


def page(simulator: Simulator, origin: str) -> str:
    """The page as HTML."""
    providers = (
        (one.facts.title, f"{origin}/{name}{one.facts.base_path}", simulator.plans[name])
        for name, one in simulator.protocols.items()
    )
    faults = (
        (
            fault,
            f"{line.unit}{'' if line.usual is None else f' ({line.usual:g})'}",
            line.does + _not_at(simulator, fault),
        )
        for fault, line in FAULTS.items()
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Market data simulator</title>"
        f"<style>{_STYLE}</style><h1>Market data simulator</h1>"
        "<p>Speaks the wire protocols of market data providers, from recorded or generated bars."
        " Nothing here is advice, and no generated price ever was one.</p>"
        f"<h2>Providers</h2>{_table(('provider', 'base URL', 'plan'), providers)}"
        f"<p>Any key is good but <code>{INVALID_KEY}</code>.</p>"
        f"<h2>Control</h2>{_table(('call', 'what it does'), _CALLS)}"
        f"<pre>{escape(_EXAMPLE.format(origin=origin))}</pre>"
        f"<h2>Faults</h2>{_table(('fault', 'value (usual)', 'what it does'), faults)}"
    )


def _not_at(simulator: Simulator, fault: Fault) -> str:
    """Who could not show a fault, and why."""
    reasons: dict[str, list[str]] = {}
    for name, one in simulator.protocols.items():
        if because := one.facts.mute.get(fault):
            reasons.setdefault(because, []).append(name)
    return "".join(f". Not at {', '.join(names)}: {because}" for because, names in reasons.items())


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    top = "".join(f"<th>{escape(one)}" for one in head)
    lines = ("<tr>" + "".join(f"<td>{escape(one)}" for one in row) for row in rows)
    return f"<table><tr>{top}{''.join(lines)}</table>"
