"""Every error, drawn as a tree and named for what the caller must do next.

MarketDataError
  ProviderFault    ask the next provider, and …
    Unavailable      … count it against health            (network, 5xx)
      TimedOut       … if it had a fair time to answer
    Malformed        … count it, keep the payload         (garbage, schema broke)
    Throttled        … leave it alone until retry_after   (429, quota text in a 200)
    Unsupported      … skip it for this series            (unknown symbol, no such interval, beyond its depth)
    Refused          … cordon it, alert                   (401, 403: key, plan)
  NoProvider       nobody left: the job waits (carries the ranking and each answer)
  StoreUnavailable the job waits; nothing is acknowledged
    Interrupted      … unless the same goes through when it is done again at once
    ReadOnly         … what is stored can be read meanwhile
    AccessRefused    … until somebody corrects a password, a right or a name (at the start: BadConfig)
  BadQuestion      the caller's fault: 4xx with a problem document
    NoCalendar       … or that of the row which names the exchange: it is skipped, all others go on
  BadConfig        refuse to start, or refuse the reload
"""

from collections.abc import Sequence
from dataclasses import dataclass


class MarketDataError(Exception):
    """Anything that this service raises on purpose."""


class ProviderFault(MarketDataError):
    """A provider could not answer; another one may."""

    code = "fault"
    """Label of `provider_errors_total`; one word a kind of fault."""

    def __init__(self, detail: str, *, payload: bytes = b"") -> None:
        super().__init__(detail)
        self.detail = detail
        self.payload = payload


class Unavailable(ProviderFault):
    """The provider did not answer in time, or answered that it is broken."""

    code = "unavailable"


class TimedOut(Unavailable):
    """The provider did not answer within the time that it was given."""


class Malformed(ProviderFault):
    """The provider answered something that is not its protocol; `payload` keeps it."""

    code = "malformed"


class Throttled(ProviderFault):
    """The provider asks to be left alone for `retry_after` seconds (None: it does not say)."""

    code = "throttled"

    def __init__(self, detail: str, *, retry_after: float | None = None, payload: bytes = b"") -> None:
        super().__init__(detail, payload=payload)
        self.retry_after = retry_after


class Unsupported(ProviderFault):
    """The provider does not have this series, or not this stretch of it."""

    code = "unsupported"


class Refused(ProviderFault):
    """The key is bad (`whole` is True) or its plan lacks this capability (`whole` is False)."""

    code = "refused"

    def __init__(self, detail: str, *, whole: bool, payload: bytes = b"") -> None:
        super().__init__(detail, payload=payload)
        self.whole = whole


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """What one provider said to a question that nobody could serve."""

    provider: str
    code: str
    detail: str


class NoProvider(MarketDataError):
    """No provider could serve the question; `answers` has each one's reason, in the order of the ranking."""

    def __init__(self, question: str, answers: Sequence[ProviderAnswer]) -> None:
        reasons = "; ".join(f"{one.provider}: {one.detail}" for one in answers) or "none is configured"
        super().__init__(f"no provider for {question} ({reasons})")
        self.answers = tuple(answers)


class StoreUnavailable(MarketDataError):
    """The database or Redis cannot be reached, or cannot do its work at present."""


class Interrupted(StoreUnavailable):
    """The connection was lost, or another transaction was in the way."""


class ReadOnly(StoreUnavailable):
    """The database can be read but not written: a standby, or a primary that was demoted."""


class AccessRefused(StoreUnavailable):
    """The database is there, but refuses the user, the password, a right or the name."""


class BadQuestion(MarketDataError):
    """The caller asked for something that cannot be: `status` is the HTTP status that says so."""

    def __init__(self, detail: str, *, status: int = 422) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status


class NoCalendar(BadQuestion, ValueError):
    """An exchange has no calendar: nobody knows when it trades, so nothing of it can be due or missing."""


class BadConfig(MarketDataError):
    """The configuration cannot be used; `problems` has one line a setting."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)
