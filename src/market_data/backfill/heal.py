"""Fills what is missing of one backfill: asks the providers in turn, and weighs their silence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from market_data.backfill.completeness import expected, missing
from market_data.backfill.evidence import Finding, Witness, moved_past, weigh
from market_data.backfill.looks import is_whole_session, next_look
from market_data.calendar import hours_of
from market_data.errors import ProviderAnswer
from market_data.gather import Gather, Gathered
from market_data.market.instrument import Instrument
from market_data.market.interval import Interval
from market_data.market.span import Span, common, merge, subtract
from market_data.provider import Query
from market_data.settings import InForce
from market_data.store import cursor, series_owner
from market_data.store.connect import Connection, Database
from market_data.store.ledger import Claimed
from market_data.store.vacancies import Vacancy, load

DEADLINE_SECONDS = 120.0
"""How long one question of a backfill may take, with waiting for budgets."""
MARGIN_BARS = {Interval.M1: 30, Interval.D1: 5}
"""Bars before and after what is missing that are asked for with it."""
DAY_SECONDS = 86_400
"""How far around a backfill its vacancies are looked at: no session is longer."""
ENOUGH_WITNESSES = 2
"""Independent providers whose silence ends the asking."""


@dataclass(slots=True)
class Healed:
    """What came of asking: `asked` was missing before, `vacant` of it is proven empty, `unproven` is neither.

    `known`: whether any provider has ever sent a bar of the symbol.
    """

    asked: list[Span] = field(default_factory=list)
    vacant: list[Finding] = field(default_factory=list)
    unproven: list[Span] = field(default_factory=list)
    known: bool = True


class NotBelieved(Exception):
    """What is missing was sent, but it cannot be."""


@dataclass(frozen=True, slots=True)
class _Silence:
    """A provider that sent nothing for what is missing, at `answered_at` by its own time."""

    provider: str
    answered_at: float


@dataclass(frozen=True, slots=True)
class Healer:
    """Asks for what is missing of backfills, and takes it in."""

    database: Database
    gather: Gather
    in_force: InForce
    clock: Callable[[], float]

    async def heal(self, claimed: Claimed, instrument: Instrument, said: list[ProviderAnswer]) -> Healed:
        """Ask for what is missing until nothing is, until two witnesses were silent, or until all were asked.

        `said` gets what each provider answered. Raises NoProvider if nobody could be asked, NotBelieved if
        what is missing was sent but rejected, StoreUnavailable if it could not be written.
        """
        if claimed.restated_by is not None:
            await self._restated(claimed, claimed.restated_by, instrument, said)
            return Healed()
        if claimed.forced:
            await self._refreshed(claimed, instrument, said)
        left = await self.left(claimed, instrument)
        if not left:
            return Healed()
        asked, silent, disbelieved = set[str](), list[_Silence](), list[str]()
        healed = Healed(asked=left)
        while left:
            query = self._query(claimed, instrument, Span(left[0].start, left[-1].end))
            able = self.gather.router.roster.could(query, extended=self.in_force.settings.gap_extended_hours)
            if asked and asked >= set(able):
                break
            # the first may be anybody: one that is not able may have some of it all the same
            without = [
                provider for provider in self.gather.router.roster.providers if asked and provider not in able
            ]
            around = query.of(self._around(query))
            gathered = await self._ask(around, instrument.exchange, [*without, *asked], said)
            name = gathered.answered.provider
            asked.add(name)
            left = common(left, await self.left(claimed, instrument))
            refused = [one for one in gathered.taken.refused if any(one in span for span in left)]
            if refused:
                disbelieved.append(f"{len(refused)} bars of {name} were rejected")
            elif name in able:
                silent.append(_Silence(name, _answered_at(gathered)))
            healed.vacant, healed.unproven, healed.known = await self._weighed(
                claimed, instrument, left, silent
            )
            if not healed.unproven and all(len(one.providers) >= ENOUGH_WITNESSES for one in healed.vacant):
                break
        if left and disbelieved:
            raise NotBelieved("; ".join(disbelieved))
        return healed

    async def left(self, claimed: Claimed, instrument: Instrument) -> list[Span]:
        """What is still to be asked for of the backfill's span."""
        extended, now = self.in_force.settings.gap_extended_hours, self.clock()
        places = expected(instrument, claimed.interval, claimed.span, now, extended=extended)
        wanted = [(claimed.symbol, place) for place in places]
        return (await missing(self.database, claimed.interval, wanted, now)).get(claimed.symbol, [])

    async def vacancies(
        self, connection: Connection, claimed: Claimed, instrument: Instrument, healed: Healed
    ) -> list[Vacancy]:
        """What was found vacant, as far as no bar has come meanwhile, with when each is looked at again."""
        found: list[Vacancy] = []
        if not healed.vacant:
            return found
        now, interval = self.clock(), claimed.interval
        hours = hours_of(instrument.exchange, instrument.asset_type)
        window = Span(claimed.span.start - DAY_SECONDS, claimed.span.end + DAY_SECONDS)
        before = await load(connection, claimed.symbol, interval, window)
        places = expected(instrument, interval, claimed.span, now, extended=True)
        wanted = [(claimed.symbol, place) for place in places]
        still = (await missing(connection, interval, wanted, now)).get(claimed.symbol, [])
        stretches = merge([*(one.span for one in healed.vacant), *(one.span for one in before)])
        for one in healed.vacant:
            whole = any(
                is_whole_session(each, interval, hours) for each in stretches if each.overlap(one.span)
            )
            for piece, known in _aged(common([one.span], still), before):
                first_at = known.first_at if known else now
                following = next_look(
                    piece,
                    interval,
                    hours,
                    first_at=first_at,
                    now=now,
                    witnesses=len(one.providers),
                    whole=whole,
                )
                found.append(
                    Vacancy(
                        span=piece,
                        providers=one.providers,
                        confirmed=following.confirmed,
                        newer=one.newer,
                        looks=known.looks + 1 if known else 0,
                        look_at=following.look_at,
                        first_at=first_at,
                        as_of=now,
                    )
                )
        return found

    async def _weighed(
        self, claimed: Claimed, instrument: Instrument, left: Sequence[Span], silent: Sequence[_Silence]
    ) -> tuple[list[Finding], list[Span], bool]:
        roster = self.gather.router.roster
        hours = hours_of(instrument.exchange, instrument.asset_type)
        calendar = hours.regular.name
        newest = await cursor.newest_by_source(self.database, claimed.symbol, claimed.interval)
        witnesses: list[Witness] = []
        for one in silent:
            query = self._query(claimed, instrument, claimed.span)
            delay = roster.delay(one.provider, query.capability, calendar)
            nearby = roster.delays.of(one.provider, calendar, claimed.interval).newest
            settled = one.answered_at - delay
            witnesses.append(
                Witness(
                    provider=one.provider,
                    venue=roster.venue(one.provider, query),
                    settled_before=settled,
                    newest=newest.get(one.provider),
                    newest_nearby=moved_past(nearby, claimed.interval, hours, settled),
                )
            )
        known = newest or not await cursor.unknown(self.database, [claimed.symbol])
        return *weigh(left, witnesses), bool(known)

    async def _restated(
        self, claimed: Claimed, provider: str, instrument: Instrument, said: list[ProviderAnswer]
    ) -> None:
        """Have one provider send all of the span again; what is missing of it then, the next scan finds."""
        others = [one for one in self.gather.router.roster.providers if one != provider]
        query = self._query(claimed, instrument, claimed.span)
        gathered = await self._ask(query, instrument.exchange, others, said, restates=True)
        if rejected := gathered.taken.rejected:
            raise NotBelieved(f"{rejected} bars of {provider} were rejected")

    async def _refreshed(self, claimed: Claimed, instrument: Instrument, said: list[ProviderAnswer]) -> None:
        """Ask for all of the span again, at the provider that most of its bars are from."""
        owner = await series_owner.find(self.database, claimed.symbol, claimed.interval, claimed.span)
        query = self._query(claimed, instrument, claimed.span)
        await self._ask(query, instrument.exchange, (), said, hint=owner)

    async def _ask(
        self,
        query: Query,
        exchange: str,
        without: Sequence[str],
        said: list[ProviderAnswer],
        *,
        restates: bool = False,
        hint: str | None = None,
    ) -> Gathered:
        """Ask and take the answer in; `said` gets what everyone answered."""
        gathered = await self.gather.bars(
            query,
            exchange,
            DEADLINE_SECONDS,
            hint=hint,
            without=without,
            trust_empty=True,  # a second opinion is ours to ask for: the router would ask for it twice
            rows=self.in_force.settings.backfill_batch_size,
            restates=restates,
        )
        answered = gathered.answered
        said += [*answered.before, ProviderAnswer(answered.provider, "ok", f"{gathered.bars} bars")]
        return gathered

    def _around(self, query: Query) -> Span:
        """The query's span with some bars before and after it: they prove that the provider has the symbol.

        It costs no further call: what one call can be asked for is not left.
        """
        interval = query.capability.interval
        assert interval is not None  # noqa: S101 - a backfill asks for bars
        margin, span = MARGIN_BARS[interval] * interval.seconds, query.span
        until = max(interval.floor(query.now) + interval.seconds, span.end)
        wide = Span(span.start - margin, min(span.end + margin, until))
        reaches = [
            provider.facts.reach.get(query.capability)
            for provider in self.gather.router.roster.providers.values()
        ]
        split = any(
            reach is not None and len(reach.pieces(wide)) > len(reach.pieces(span)) for reach in reaches
        )
        beyond = self.gather.router.roster.reaches_back(query)
        return span if split or beyond is None or wide.start < beyond else wide

    def _query(self, claimed: Claimed, instrument: Instrument, span: Span) -> Query:
        return self.gather.query(claimed.symbol, instrument.asset_type, claimed.interval, span)


def _answered_at(gathered: Gathered) -> float:
    """When an answer was given: by the provider's clock where it is behind ours."""
    answered = gathered.answered
    theirs = answered.vendor_time
    return answered.asked_at if theirs is None else min(answered.asked_at, theirs)


def _aged(spans: Sequence[Span], before: Sequence[Vacancy]) -> list[tuple[Span, Vacancy | None]]:
    """The spans cut where they were known vacant before, each piece with that vacancy."""
    pieces: list[tuple[Span, Vacancy | None]] = []
    for span in spans:
        known = [(both, one) for one in before if (both := span.overlap(one.span))]
        pieces += known
        pieces += [(rest, None) for rest in subtract([span], [one for one, _ in known])]
    return sorted(pieces, key=lambda piece: piece[0])
