"""How each kind of setting is written, and what it is read as."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from market_data.market.capability import Capability
from market_data.market.instrument import Tier


def _pairs(text: object) -> object:
    """`a=1,b=2` as a mapping."""
    if not isinstance(text, str):
        return text
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if any(not mark for _, mark, _ in pairs):
        raise ValueError("write name=number pairs with commas between, as in bars_1m=60,quotes_l1=5")
    named = {name.strip(): value.strip() for name, _, value in pairs}
    if len(named) < len(pairs):
        raise ValueError("name each only once")
    return named


def _names(text: object) -> object:
    """`a,b` as a tuple, in lower case as providers are named."""
    if not isinstance(text, str):
        return text
    return tuple(part.strip().lower() for part in text.split(",") if part.strip())


def _tiers(text: object) -> object:
    """`T0,T2` as a tuple; `none` is no tier, for a setting that is set to nothing counts as unset."""
    if not isinstance(text, str):
        return text
    named = [part.strip().upper() for part in text.split(",") if part.strip()]
    return () if named == ["NONE"] else tuple(named)


def _numbers(text: object) -> object:
    """`0,5` as a tuple; `none` is no number, for a setting that is set to nothing counts as unset."""
    if not isinstance(text, str):
        return text
    named = [part.strip() for part in text.split(",") if part.strip()]
    return () if [one.lower() for one in named] == ["none"] else tuple(named)


def _origins(text: object) -> object:
    """`https://a.example,https://b.example` as a tuple; `*` alone stands for all."""
    if not isinstance(text, str):
        return text
    origins = tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())
    if any(one != "*" and not re.fullmatch(r"https?://[^/\s]+", one) for one in origins):
        raise ValueError("write origins with commas between, as in https://charts.example.com")
    return origins


def _url(*schemes: str) -> AfterValidator:
    """Refuses a URL of another scheme; says which are right, but never the value: it has a password."""

    def checked(url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(tuple(f"{scheme}://" for scheme in schemes)):
            raise ValueError(f"write a URL that begins with {' or '.join(f'{one}://' for one in schemes)}")
        return url

    return AfterValidator(checked)


DatabaseUrl = Annotated[SecretStr, _url("postgresql", "postgres")]
RedisUrl = Annotated[SecretStr, _url("redis", "rediss", "unix")]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Origins = Annotated[tuple[str, ...], BeforeValidator(_origins)]
Cadence = Annotated[dict[Capability, Annotated[int, Field(ge=1, le=604_800)]], BeforeValidator(_pairs)]
EodTiers = Annotated[tuple[Tier, ...], BeforeValidator(_tiers)]
TierMaxs = Annotated[dict[Tier, Annotated[int, Field(ge=0)]], BeforeValidator(_pairs)]
Days = Annotated[int, Field(ge=0, le=36_525)]
"""Days that something is kept; 0: for ever."""
History = Annotated[dict[Tier, Annotated[int, Field(ge=0, le=36_525)]], BeforeValidator(_pairs)]
Sessions = Annotated[tuple[Annotated[int, Field(ge=0, le=60)], ...], BeforeValidator(_numbers)]
