"""One simulator: its tapes, plans, faults and counters, and the answer to a provider's request."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from market_data.errors import BadConfig
from market_data.market.bar import Split
from market_data.market.instrument import AssetType
from market_data.simulate.clock import Clock
from market_data.simulate.config import SimulatorConfig
from market_data.simulate.fault import EVERY, Fault, Switched
from market_data.simulate.meter import Calls, Meter
from market_data.simulate.protocol import Allowance, Ask, Plan, Reply, WireProtocol
from market_data.simulate.protocols import discover, mutes
from market_data.simulate.spoil import SpoiledTape
from market_data.simulate.switchboard import Switchboard
from market_data.simulate.tape import Rack, Tape, canonical, trading_hours
from market_data.simulate.tapes.generated import GeneratedTape
from market_data.simulate.tapes.recorded import RecordedTape


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send, and the faults that befall it on the wire."""

    reply: Reply
    faults: Mapping[Fault, Switched]
    at: float  # epoch seconds of the simulator's clock


@dataclass(frozen=True, slots=True)
class Simulator:
    """Everything that the requests of one process share. The event loop alone changes it."""

    config: SimulatorConfig
    clock: Clock
    protocols: Mapping[str, WireProtocol]
    tape: Tape
    switchboard: Switchboard
    plans: dict[str, Plan]
    meters: Mapping[str, Meter]
    calls: Mapping[str, Calls]
    stopping: asyncio.Event
    splits: dict[str, tuple[Split, ...]]
    """By symbol, beside those that its tape knows."""
    tapes: dict[str, Tape] = field(default_factory=dict)
    """By provider, a tape that is played before `tape`: what this provider alone has, or has otherwise."""

    @classmethod
    def of(cls, config: SimulatorConfig, clock: Clock) -> Self:
        """A simulator ready to answer. Reads the recorded files; raises BadConfig where it cannot."""
        protocols = discover()
        shared, own = _by_provider(config.recorded)
        named = {*config.plans, *own, *(fault.provider for fault in config.faults)}
        if strange := sorted(named - {*protocols, EVERY} | ({*config.plans, *own} & {EVERY})):
            raise BadConfig([f"unknown provider {strange[0]!r}: use one of {', '.join(protocols)}"])
        for asset_type in AssetType:
            trading_hours(asset_type)  # loads the calendars now rather than in the first request
        splits = {canonical(symbol): tuple(of) for symbol, of in config.splits.items()}
        return cls(
            config=config,
            clock=clock,
            protocols=protocols,
            tape=Rack(
                (
                    RecordedTape(shared, config.zone),
                    GeneratedTape(config.seed, config.symbols, config.sessions_kept, config.days_kept),
                ),
                splits,
            ),
            switchboard=Switchboard(config.seed, mutes(protocols), config.faults),
            plans={name: config.plans.get(name, Plan.FREE) for name in protocols},
            meters={name: Meter() for name in protocols},
            calls={name: Calls() for name in protocols},
            stopping=asyncio.Event(),
            splits=splits,
            tapes={name: RecordedTape(files, config.zone) for name, files in own.items()},
        )

    def tape_of(self, provider: str) -> Tape:
        """What a provider plays from."""
        own = self.tapes.get(provider)
        return self.tape if own is None else Rack((Rack((own,), self.splits), self.tape))

    async def answer(self, provider: str, ask: Ask) -> Answer:
        """Count a request, strike it with the faults that are on, and render it beside the event loop."""
        protocol, calls = self.protocols[provider], self.calls[provider]
        limits = protocol.facts.limits[ask.plan]
        allowance = self.meters[provider].spend(ask.now, limits)
        faults = self.switchboard.strike(provider, protocol.symbols_of(ask))
        endpoint = protocol.endpoint_of(ask)
        calls.asked += 1
        calls.over_plan += allowance.over is not None
        calls.endpoints[endpoint if endpoint in protocol.facts.endpoints else "other"] += 1
        calls.faults.update(fault.value for fault in faults)
        if Fault.OVER_PLAN in faults:
            widest = max(protocol.facts.limits[Plan.FREE], key=lambda limit: limit.seconds)
            allowance = Allowance(widest, widest, 0, ask.now + widest.seconds)
        spoiled = replace(ask, allowance=allowance, tape=SpoiledTape(self.tape_of(provider), faults))
        reply = await asyncio.to_thread(_render, protocol, spoiled, faults)
        calls.statuses[reply.status] += 1
        return Answer(reply, faults, ask.now)


def _by_provider(files: Mapping[str, Path]) -> tuple[dict[str, Path], dict[str, dict[str, Path]]]:
    """The recordings that every provider plays, and by provider those of `provider/SYMBOL`."""
    shared: dict[str, Path] = {}
    own: dict[str, dict[str, Path]] = {}
    for key, path in files.items():
        provider, slash, symbol = key.partition("/")
        if slash:
            own.setdefault(provider, {})[symbol] = path
        else:
            shared[key] = path
    return shared, own


def _render(protocol: WireProtocol, ask: Ask, faults: Mapping[Fault, Switched]) -> Reply:
    if Fault.HTTP_429 in faults:
        seconds = faults[Fault.HTTP_429].amount
        reply = protocol.throttled(ask)
        wait = {} if seconds is None else {"Retry-After": f"{seconds:.0f}"}
        return replace(reply, status=429, headers={**reply.headers, **wait})
    reply = protocol.render(ask)
    if Fault.UNEQUAL_ARRAYS in faults:
        reply = replace(reply, body=protocol.uneven(reply.body))
    if Fault.WRONG_SCHEMA in faults and not isinstance(reply.body, str):
        # an array at the top has no key that could have another name: now it has one
        named = {"rows": reply.body} if isinstance(reply.body, list) else reply.body
        reply = replace(reply, body=_renamed(named))
    return _page(faults) or reply


def _renamed(body: object) -> object:
    """A JSON value in which every key has another name."""
    if isinstance(body, Mapping):
        return {f"new_{name}": _renamed(one) for name, one in body.items()}
    return [_renamed(one) for one in body] if isinstance(body, list) else body


def _page(faults: Mapping[Fault, Switched]) -> Reply | None:
    """The page that a front of a provider shows when what is behind it fails."""
    for fault, (status, title) in _PAGES.items():
        if fault in faults:
            head = f"<html>\r\n<head><title>{title}</title></head>"
            text = f"{head}\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"
            return Reply(status, text, content_type="text/html; charset=utf-8")
    return Reply(200, "\x1f\ufffd{{]]] not JSON") if Fault.GARBAGE in faults else None


_PAGES = {
    Fault.HTTP_500: (500, "500 Internal Server Error"),
    Fault.HTTP_502: (502, "502 Bad Gateway"),
    Fault.MAINTENANCE: (200, "Will be right back"),
}
