"""The simulator as an HTTP server on one port."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import web

from market_data.simulate.clock import Clock
from market_data.simulate.config import SimulatorConfig
from market_data.simulate.control import LARGEST_REQUEST, problems, routes
from market_data.simulate.index import page
from market_data.simulate.meter import Calls
from market_data.simulate.protocol import Allowance, Ask
from market_data.simulate.simulator import Simulator
from market_data.simulate.switchboard import Switchboard
from market_data.simulate.wire import send

LOCAL = "127.0.0.1"
"""Nobody else's machine is served unless it is asked for."""
USUAL_PORT = 8100
STOP_SECONDS = 2.0
"""How long answers under way may take when the simulator stops."""

SIMULATOR = web.AppKey("simulator", Simulator)


def build(config: SimulatorConfig, clock: Clock) -> web.Application:
    """The simulator as an aiohttp application. Raises BadConfig where a recorded file cannot be read."""
    simulator = Simulator.of(config, clock)
    app = web.Application(client_max_size=LARGEST_REQUEST, middlewares=[problems])
    app[SIMULATOR] = simulator

    async def index(request: web.Request) -> web.Response:
        return web.Response(text=page(simulator, str(request.url.origin())), content_type="text/html")

    async def provider(request: web.Request) -> web.StreamResponse:
        name = request.path.split("/")[1]
        answer = await simulator.answer(name, _ask(simulator, name, request))
        return await send(request, answer, simulator.stopping)

    async def stop(_: web.Application) -> None:
        simulator.stopping.set()

    app.add_routes([web.get("/", index), *routes(simulator)])
    app.add_routes([web.route("*", f"/{name}/{{path:.*}}", provider) for name in simulator.protocols])
    app.on_shutdown.append(stop)
    return app


def _ask(simulator: Simulator, name: str, request: web.Request) -> Ask:
    base, path = simulator.protocols[name].facts.base_path, f"/{request.match_info['path']}"
    return Ask(
        method=request.method,
        path=path.removeprefix(base)
        if path.startswith(f"{base}/")
        else f"/..{path}",  # above the base: unknown
        params=dict(request.query),
        headers={key.lower(): value for key, value in request.headers.items()},
        now=simulator.clock(),
        plan=simulator.plans[name],
        allowance=Allowance(),
        tape=simulator.tape,
    )


@dataclass(frozen=True, slots=True)
class Running:
    """A simulator that answers at `url` until it is closed: an async context manager."""

    url: str
    simulator: Simulator
    runner: web.AppRunner

    @property
    def base_urls(self) -> Mapping[str, str]:
        """For each provider what its `<PROVIDER>_BASE_URL` has to be."""
        protocols = self.simulator.protocols
        return {name: f"{self.url}/{name}{one.facts.base_path}" for name, one in protocols.items()}

    @property
    def switchboard(self) -> Switchboard:
        """Switches faults without HTTP."""
        return self.simulator.switchboard

    @property
    def calls(self) -> Mapping[str, Calls]:
        """What was asked so far, by provider."""
        return self.simulator.calls

    async def close(self) -> None:
        """Stop answering; requests that are held are let go at once."""
        self.simulator.stopping.set()
        await self.runner.cleanup()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def start(config: SimulatorConfig, clock: Clock, host: str = LOCAL, port: int = 0) -> Running:
    """Start answering; port 0 takes a free one. Raises BadConfig, or OSError if the port is taken."""
    app = await asyncio.to_thread(build, config, clock)  # calendars and files take a second or two
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=STOP_SECONDS, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except BaseException:
        await runner.cleanup()
        raise
    address = runner.addresses[0]
    shown = f"[{address[0]}]" if ":" in address[0] else address[0]
    return Running(f"http://{shown}:{address[1]}", app[SIMULATOR], runner)


async def serve(
    config: SimulatorConfig,
    clock: Clock,
    host: str = LOCAL,
    port: int = USUAL_PORT,
    ready: Callable[[Running], None] = lambda _: None,
) -> None:
    """Answer until cancelled; `ready` is called once it does."""
    async with await start(config, clock, host, port) as running:
        ready(running)
        await asyncio.Event().wait()
