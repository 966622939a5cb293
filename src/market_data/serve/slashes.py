"""Symbols with a slash in the path: /stocks/BTC/USD/price, or %2F, which servers decode before routing."""

from collections.abc import Iterable, Mapping

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

SYMBOL = "{symbol}"

Template = tuple[str, ...]
"""The segments of a route's path; those in braces are parameters."""


class Slashes:
    """Routes a path whose symbol has a slash as if it had a dash: both spell the same instrument."""

    def __init__(self, app: ASGIApp, paths: Iterable[str]) -> None:
        self._app = app
        self._templates = _with_symbols(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        if scope["type"] == ScopeType.HTTP and (joined := self._joined(scope["path"])):
            scope["path"] = joined
            scope["raw_path"] = joined.encode()
        await self._app(scope, receive, send)

    def _joined(self, path: str) -> str | None:
        """The path with the symbol in one segment; None where it has no symbol with a slash."""
        segments = path.strip("/").split("/")
        for template in self._templates.get(len(segments) - 1, ()):
            at = template.index(SYMBOL)
            joined = [*segments[:at], f"{segments[at]}-{segments[at + 1]}", *segments[at + 2 :]]
            if all(segments[at : at + 2]) and all(map(_fits, template, joined)):
                return "/" + "/".join(joined)
        return None


def _with_symbols(paths: Iterable[str]) -> Mapping[int, list[Template]]:
    """By number of segments, the routes that have a symbol."""
    found: dict[int, list[Template]] = {}
    for path in paths:
        template = tuple(path.strip("/").split("/"))
        if SYMBOL in template:
            found.setdefault(len(template), []).append(template)
    return found


def _fits(wanted: str, segment: str) -> bool:
    return wanted == segment or (wanted.startswith("{") and bool(segment))
