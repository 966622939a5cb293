"""The providers of this process: the account with each, where each stands, and who could be asked."""

from collections.abc import Callable, Mapping

from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.provider import Account, Provider, Query
from market_data.route.breaker import State, Thresholds
from market_data.route.delays import Delays
from market_data.route.rank import Candidate, Ranking, rank
from market_data.route.standing import Standing, told
from market_data.settings import InForce, Settings


class Roster:
    """The providers, and what is known of each at this moment."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        accounts: Mapping[str, Account],
        in_force: InForce,
        clock: Callable[[], float],
    ) -> None:
        self.providers = providers
        self.accounts = accounts
        self.standings = {name: Standing(self._rules) for name in providers}
        self.delays = Delays()
        self._in_force = in_force
        self._clock = clock

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._in_force.settings

    def adopt(self, accounts: Mapping[str, Account]) -> None:
        """Use these accounts from now on, and try again at once what was refused or failed."""
        self.accounts = accounts
        for standing in self.standings.values():
            standing.readmit(self._clock())

    def ranking(
        self,
        query: Query,
        *,
        hint: str | None = None,
        trials: bool = True,
        without: frozenset[str] | set[str] = frozenset(),
    ) -> Ranking:
        """Who would be asked now, in which order, and who would not, with the reasons; see `rank`."""
        candidates = [self._candidate(name, query) for name in self.providers if name not in without]
        policy = self.settings.policy(query.capability)
        return rank(query, candidates, policy, hint=hint, trials=trials)

    def able(self, capability: Capability) -> list[str]:
        """The providers that may be asked for `capability` now, best first, whatever the symbol."""
        names: list[str] = []
        for kind in AssetType:
            names += [name for name in self.ranking(self.probe(capability, kind)).order if name not in names]
        return names

    def could(self, query: Query, *, extended: bool = False) -> list[str]:
        """The providers that could answer `query` for good, even if they are out at this moment.

        Not those that lack it, whose plan or key was refused, or for whom its bars are not settled yet; nor,
        where early and late trading counts (`extended`), those that tell of regular hours alone.
        """
        return [
            name
            for name in self.providers
            if not self.disabled(name)
            and self._reaches(name, query)
            and not self._barred(name, query)
            and (not extended or self.providers[name].facts.reach[query.capability].early_and_late)
        ]

    def _reaches(self, name: str, query: Query) -> bool:
        reach = self.providers[name].facts.reach.get(query.capability)
        return (
            reach is not None
            and query.asset_type in reach.asset_types
            and (reach.depth is None or query.span.start >= query.now - reach.depth)
            and query.span.start + reach.delay < query.now
        )

    def _barred(self, name: str, query: Query) -> bool:
        return self.standings[name].barred(query, self._clock())

    def unset(self, capability: Capability) -> list[str]:
        """The settings whose lack keeps providers from `capability`: free keys first, then paid plans."""
        keyless = [
            one.facts for name, one in self.providers.items() if self.disabled(name).endswith("not set")
        ]
        lacking = [facts for facts in keyless if capability in facts.reach]
        lacking.sort(key=lambda facts: facts.reach[capability].premium)
        return [
            f"{one.settings_prefix}_API_KEY" + (" (a paid plan)" if one.reach[capability].premium else "")
            for one in lacking
        ]

    def settled_after(self, capability: Capability, calendar: str = "") -> float:
        """Seconds after a bar's end before it is final anywhere: the shortest delay of whom the policy names.

        Where none of those is enabled, of all who are. With a `calendar` (its code), as learned for it.
        """
        delays = {
            name: self.delay(name, capability, calendar)
            for name, one in self.providers.items()
            if capability in one.facts.reach and not self.disabled(name)
        }
        named = [delays[name] for name in self.settings.policy(capability) if name in delays]
        return min(named or delays.values(), default=0)

    def delay(self, name: str, capability: Capability, calendar: str) -> float:
        """Seconds after a bar's end before a provider has it: what it states, or longer if learned."""
        stated = self.providers[name].facts.reach[capability].delay
        interval = capability.interval
        learned = self.delays.of(name, calendar, interval).seconds if interval and calendar else 0.0
        return max(stated, learned)

    def reaches_back(self, query: Query) -> float | None:
        """Since when (epoch seconds) anybody can be asked for the series of `query`; None: nobody ever can.

        What a provider was refused does not count; what is only out at this moment does.
        """
        depths = self.depths(query).values()
        return min((0.0 if depth is None else query.now - depth for depth in depths), default=None)

    def depths(self, query: Query) -> dict[str, float | None]:
        """By provider that can be asked for the series of `query`, the seconds it reaches back; None: all."""
        return {
            name: one.facts.reach[query.capability].depth
            for name, one in self.providers.items()
            if query.capability in one.facts.reach
            and query.asset_type in one.facts.reach[query.capability].asset_types
            and not self.disabled(name)
            and not self._barred(name, query)
        }

    def serves(self, query: Query) -> bool:
        """Whether any provider that is enabled has bars of this kind, refused at this moment or not."""
        return any(
            query.capability in one.facts.reach
            and query.asset_type in one.facts.reach[query.capability].asset_types
            and not self.disabled(name)
            for name, one in self.providers.items()
        )

    def now(self) -> float:
        """Epoch seconds by the clock of this process."""
        return self._clock()

    def venue(self, name: str, query: Query) -> str:
        """Whose trades a provider's bars count: two providers of one venue are one witness."""
        reach = self.providers[name].facts.reach[query.capability]
        stocks = query.asset_type is not AssetType.CRYPTO
        return reach.stock_venue if stocks and reach.stock_venue else name

    def of_venue(self, name: str, query: Query) -> list[str]:
        """The providers whose bars count the same trades as a provider's, this one included."""
        venue = self.venue(name, query)
        return [
            one
            for one, provider in self.providers.items()
            if query.capability in provider.facts.reach and self.venue(one, query) == venue
        ]

    def probe(self, capability: Capability, kind: AssetType) -> Query:
        """A question about no symbol in particular, for what is newest, to see who would be asked."""
        now = self._clock()
        seconds = 1
        if capability.interval:  # the newest bar that is final, and all after it
            seconds = int(self.settled_after(capability)) + 2 * capability.interval.seconds
        return Query(capability, "", kind, Span(int(now) - seconds, int(now)), now)

    def state(self, name: str) -> str:
        """CLOSED, HALF_OPEN or OPEN; DISABLED for one that the operator has switched off or given no key."""
        return "DISABLED" if self.disabled(name) else self.standings[name].state(self._clock()).value

    def disabled(self, name: str) -> str:
        """Why a provider is never asked, whatever the question; "" if it may be."""
        if name in self.settings.providers_disabled:
            return "PROVIDERS_DISABLED names it"
        facts = self.providers[name].facts
        lacks_key = facts.needs_key and not self.accounts[name].key
        return f"{facts.settings_prefix}_API_KEY is not set" if lacks_key else ""

    def _rules(self) -> Thresholds:
        return Thresholds.of(self.settings)

    def _candidate(self, name: str, query: Query) -> Candidate:
        standing, now, capability = self.standings[name], self._clock(), query.capability
        reach = self.providers[name].facts.reach.get(capability)
        if reach is None:  # whatever its standing
            return Candidate(name, None, State.CLOSED, 1.0, 1.0)
        disabled = self.disabled(name)
        cordon = None if disabled else standing.cordon(query, now)
        score = standing.score_of(capability, now)
        return Candidate(
            name=name,
            reach=reach,
            state=standing.state_of(capability, now),
            score=score.value,
            merit=score.merit,
            on_trial=standing.track(capability).on_trial,
            out=told(cordon) if cordon else disabled,
            until=cordon.until if cordon else None,
            last_resort=cordon is not None and cordon.yields is not None and now >= cordon.yields,
        )
