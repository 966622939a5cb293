"""A finder of gaps for commands, with the configured providers and what replicas have learned of them."""

import os
import time

from market_data.backfill.find import Finder
from market_data.cli.demo import demo_environment
from market_data.providers import discover
from market_data.route.account import accounts
from market_data.route.roster import Roster
from market_data.settings import InForce, read
from market_data.store.connect import Database


async def finder_of(database: Database, *, demo: bool) -> Finder:
    """A finder over an open database; it states no events. Raises StoreUnavailable."""
    configuration = read(demo_environment(os.environ), dotenv=None) if demo else read()
    in_force, providers = InForce(configuration), discover()
    roster = Roster(providers, accounts(configuration, providers), in_force, time.time)
    finder = Finder(database, roster, in_force, lambda _: None, time.time)
    await finder.share_delays(time.time())
    return finder
