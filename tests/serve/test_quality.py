"""Quarantined bars over HTTP: excluded, included, listed, accepted and rejected."""

import pytest

from market_data.market.bar import Adjustment, VolumeScope
from market_data.market.interval import Interval
from market_data.market.quarantined import Quarantined, QuarantineChange, Reason
from market_data.store import quarantine
from market_data.store.connect import Database

pytestmark = pytest.mark.anyio
