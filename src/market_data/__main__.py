"""Makes `python -m market_data` the same as `market-data`."""

from market_data.cli import main

main()
