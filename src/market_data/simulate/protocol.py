"""The contract of a protocol: how one provider speaks on the wire. `protocols/` holds the choices."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from market_data.provider import Limit
from market_data.simulate.fault import Mute
from market_data.simulate.tape import Tape

INVALID_KEY = "invalid"
"""The one key that every simulated provider refuses; any other is good."""
NAMELESS = "its answers do not say which symbol they are about, so that nobody could tell"
"""Why a provider could not show WRONG_SYMBOL."""
KEYED = "its rows are the keys of a JSON object, which cannot be told twice"
"""Why a provider could not show DUPLICATE_ROWS and CONFLICTING_ROWS."""


class Plan(StrEnum):
    """What the caller has paid for."""

    FREE = "free"
    PREMIUM = "premium"
    UNLIMITED = "unlimited"  # everything is allowed and calls are only counted: for drills about other things


@dataclass(frozen=True, slots=True)
class Allowance:
    """Where a call stands in its plan."""

    over: Limit | None = None  # the limit that this call exceeds
    limit: Limit | None = None  # the plan's widest limit, None if it has none
    remaining: int = 0  # calls left in it after this one
    reset: float = 0.0  # epoch seconds at which its oldest call no longer counts


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as a provider sees it."""

    method: str
    path: str  # below the provider's base URL, decoded
    params: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    now: float  # epoch seconds
    plan: Plan
    allowance: Allowance
    tape: Tape

    @property
    def free(self) -> bool:
        """Whether the plan lacks what has to be paid for."""
        return self.plan is Plan.FREE


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider answers: `body` is a JSON value, or text that is sent as it is."""

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of a simulated provider whatever is asked."""

    name: str  # as the service spells it; the first part of every path
    title: str
    base_path: str  # between the prefix and the endpoints, as in the real base URL
    limits: Mapping[Plan, tuple[Limit, ...]]
    endpoints: frozenset[str]  # the labels that `endpoint_of` gives; others count as "other"
    mute: Mute = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WireProtocol:
    """One provider's protocol as pure functions.

    `endpoint_of` names what is asked for and `symbols_of` of which symbols (canonical). `render` answers.
    `throttled` is the provider's own way to say that the plan is used up. `uneven` takes the JSON body of an
    answer and returns it with one value missing where there should be as many as of the others.
    """

    facts: Facts
    endpoint_of: Callable[[Ask], str]
    symbols_of: Callable[[Ask], tuple[str, ...]]
    render: Callable[[Ask], Reply]
    throttled: Callable[[Ask], Reply]
    uneven: Callable[[object], object]
