"""Settings: the contract's defaults, which source wins, and what is said of a value that cannot be used."""

import re
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from market_data.errors import BadConfig
from market_data.market.capability import Capability
from market_data.market.instrument import Tier
from market_data.settings import LARGEST_FILE, Configuration, InForce, Settings, read

CONTRACT = Path(__file__).parents[2] / "shared" / "reference" / "contract.md"
SECRET = "hunter2-hunter2"  # noqa: S105 - what must not leak
DEFAULTS = Settings.model_validate({})
SOURCES = ("environment", "directory", ".env")


def configured(environment: Mapping[str, str] | None = None, dotenv: Path | None = None) -> Configuration:
    return read(environment or {}, dotenv)


def problems(environment: Mapping[str, str], dotenv: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(BadConfig) as caught:
        configured(environment, dotenv)
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    return caught.value.problems


# Defaults


def in_code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def spelled_out(names: str) -> list[str]:
    """`A_T0/_T1` as A_T0 and A_T1."""
    first, *ends = names.split("/")
    return [first, *(first[: -len(end)] + end for end in ends)]


def documented() -> dict[str, str]:
    """The contract's defaults by variable, as they are spelled there; "" for unset."""
    section = CONTRACT.read_text(encoding="utf-8").partition("## 1.")[2].partition("## 2.")[0]
    found: dict[str, str] = {}
    for line in section.splitlines():
        if line.startswith("| `"):
            variables, default, meaning = (cell.strip() for cell in line.strip("|").split(" | ", 2))
            names = [name for group in in_code(variables) for name in spelled_out(group)]
            values = in_code(default)
            if len(values) < len(names) and len(values) == 1 and not default.startswith("unset"):
                values = values[0].split("/")
            if default.startswith("unset"):
                values = [""] * len(names)
            found |= dict(zip(names, values, strict=True))
            found |= dict(re.findall(r"`([A-Z_]+)` = (\d+)", meaning))
    return found


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract page is not part of this repository")
def test_every_default_is_that_of_the_contract() -> None:
    table = documented()
    assert len(table) > 30
    checked = {name: text for name, text in table.items() if name.lower() in Settings.model_fields}
    assert len(checked) >= 17
    for name, text in checked.items():
        documented_value = getattr(configured({name: text}).settings, name.lower())
        assert getattr(DEFAULTS, name.lower()) == documented_value, name


def test_nothing_configured_is_the_defaults() -> None:
    found = configured()
    assert found.settings == DEFAULTS
    assert (found.of_providers, found.sources) == ({}, {})


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, one in Settings.model_fields.items() if not one.description] == []


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        DEFAULTS.port = 1


def test_a_swap_is_seen_at_once_by_who_looks_up_the_settings_and_is_counted() -> None:
    in_force = InForce(configured({"PORT": "1"}))
    assert (in_force.settings.port, in_force.policy_version) == (1, 1)
    in_force.swap(configured({"PORT": "2"}))
    assert (in_force.settings.port, in_force.policy_version) == (2, 2)


def test_policies_and_cadences_are_found_by_what_they_are_for() -> None:
    found = configured({"POLICY_EOD": "yahoo", "CADENCE_T1": "eod=60"}).settings
    assert found.policy(Capability.EOD) == ("yahoo",)
    assert [found.policy(one) for one in (Capability.BARS_1M, Capability.QUOTES_L1)] == [
        found.policy_bars_1m,
        found.policy_quotes_l1,
    ]
    assert found.cadence(Tier.T1) == {Capability.EOD: 60}
    assert found.cadence(Tier.T0) == {Capability.EOD: 86_400, **found.cadence_t0}, "every tier has daily bars"
    assert found.cadence(Tier.T2) == found.cadence_t2
    only_t2 = configured({"EOD_TIERS": "t2"}).settings
    assert [only_t2.cadence(tier) for tier in Tier] == [
        only_t2.cadence_t0,
        only_t2.cadence_t1,
        only_t2.cadence_t2,
    ]
    assert configured({"EOD_TIERS": "none"}).settings.eod_tiers == ()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("PORT", " 8002\n", 8002),
        ("LOCAL_SWEEP_ENABLED", "False", False),
        ("LOCAL_SWEEP_ENABLED", "1", True),
        ("POLICY_EOD", "Yahoo, ,finnhub,", ("yahoo", "finnhub")),
        ("CADENCE_T0", "bars_1m = 60 , eod=5,", {Capability.BARS_1M: 60, Capability.EOD: 5}),
        ("TIER_MAXS", "T0=0,T2=7", {Tier.T0: 0, Tier.T2: 7}),
        ("DATA_DIR", "a b/c", Path("a b/c")),
        ("BREAKER_DEMOTE_THRESHOLD", "0", 0.0),
    ],
)
def test_a_value_is_read_as_an_operator_writes_it(name: str, text: str, value: object) -> None:
    assert getattr(configured({name: text}).settings, name.lower()) == value


# Sources


def from_sources(folder: Path, texts: Mapping[str, str], name: str = "PORT") -> Configuration:
    """What is read where each source says what `texts` has for it."""
    mounted, dotenv = folder / "mounted", folder / ".env"
    mounted.mkdir()
    environment = {"CONFIG_DIR": str(mounted)}
    if "environment" in texts:
        environment[name] = texts["environment"]
    if "directory" in texts:
        (mounted / name).write_text(texts["directory"] + "\n", encoding="utf-8")
    if ".env" in texts:
        dotenv.write_text(f"# ours\n{name}={texts['.env']}\n", encoding="utf-8")
    return configured(environment, dotenv)


@pytest.mark.parametrize(
    ("holders", "told"),
    [
        (("environment",), "environment"),
        (("directory",), "directory"),
        ((".env",), ".env"),
        (("environment", "directory"), "environment, over directory"),
        (("environment", ".env"), "environment, over .env"),
        (("directory", ".env"), "directory, over .env"),
        (SOURCES, "environment, over directory and .env"),
    ],
)
def test_the_environment_wins_over_the_directory_and_that_over_dotenv(
    tmp_path: Path, holders: tuple[str, ...], told: str
) -> None:
    ports = dict(zip(SOURCES, ("1", "2", "3"), strict=True))
    found = from_sources(tmp_path, {source: ports[source] for source in holders})
    assert found.settings.port == int(ports[holders[0]])
    assert found.sources == {"PORT": told}


@pytest.mark.parametrize("nothing", ["", "  "])
@pytest.mark.parametrize("empty", SOURCES)
def test_a_source_that_says_nothing_hides_no_other(tmp_path: Path, empty: str, nothing: str) -> None:
    texts = {**dict(zip(SOURCES, ("1", "2", "3"), strict=True)), empty: nothing}
    found = from_sources(tmp_path, texts)
    says = [source for source in SOURCES if source != empty]
    assert found.settings.port == int(texts[says[0]])
    assert found.sources == {"PORT": f"{says[0]}, over {says[1]}"}


@pytest.mark.parametrize(
    "name", ["PORT", "DATABASE_URL", "LOCAL_SWEEP_ENABLED", "CADENCE_T0", "FINNHUB_API_KEY"]
)
def test_a_variable_set_to_nothing_is_unset(tmp_path: Path, name: str) -> None:
    found = from_sources(tmp_path, dict.fromkeys(SOURCES, ""), name)
    assert found.settings == DEFAULTS
    assert (found.of_providers, found.sources) == ({}, {})


def test_each_setting_has_a_source_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "HOST").write_text("::1")
    (tmp_path / ".env").write_text("YAHOO_LIMITS=5/1\nLOG_LEVEL=DEBUG\nHOST=localhost\n")
    found = configured({"CONFIG_DIR": str(tmp_path), "PORT": "1", "PATH": "/bin"}, tmp_path / ".env")
    assert found.sources == {
        "HOST": "directory, over .env",
        "LOG_LEVEL": ".env",
        "PORT": "environment",
        "YAHOO_LIMITS": ".env",
    }


def test_the_environment_of_the_process_is_read_where_no_other_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORT", "17")
    assert read(dotenv=None).settings.port == 17


# .env


def test_a_dollar_in_dotenv_is_a_dollar(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1\nOPS_API_TOKEN='a${PORT}$b'\nBARE\n")
    token = configured(dotenv=tmp_path / ".env").settings.ops_api_token
    assert token is not None
    assert token.get_secret_value() == "a${PORT}$b"


def test_dotenv_need_not_be_there(tmp_path: Path) -> None:
    assert configured(dotenv=tmp_path / ".env").sources == {}
    assert configured(dotenv=tmp_path).sources == {}  # nor be a file


def test_a_dotenv_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(f"OPS_API_TOKEN={SECRET}\xff\n".encode("latin-1"))
    (line,) = problems({}, tmp_path / ".env")
    assert line == f"{tmp_path / '.env'}: it cannot be read (UnicodeDecodeError)"


# The directory


def test_a_mounted_configmap_is_read_through_its_links(tmp_path: Path) -> None:
    (tmp_path / "..2026_01_02").mkdir()
    (tmp_path / "..2026_01_02" / "PORT").write_text("99\n")
    (tmp_path / "..data").symlink_to("..2026_01_02")
    (tmp_path / "PORT").symlink_to(Path("..data") / "PORT")
    assert configured({"CONFIG_DIR": str(tmp_path)}).settings.port == 99


def test_what_is_no_setting_in_the_directory_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "PORT").mkdir()
    (tmp_path / "README").write_bytes(b"\xff" * (LARGEST_FILE + 1))
    (tmp_path / "HOST").symlink_to("nowhere")
    found = configured({"CONFIG_DIR": str(tmp_path)})
    assert (found.settings, found.sources) == (DEFAULTS, {})


def test_each_file_that_cannot_be_used_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "DATABASE_URL").write_bytes(f"postgresql://{SECRET}\xff".encode("latin-1"))
    (tmp_path / "HOST").write_text("a" * (LARGEST_FILE + 1))
    (tmp_path / "PORT").write_text("not a number either, but it is not its turn")
    (tmp_path / "YAHOO_API_KEY").write_text(SECRET * LARGEST_FILE)
    assert problems({"CONFIG_DIR": str(tmp_path)}) == (
        "DATABASE_URL: its file cannot be read (UnicodeDecodeError)",
        f"HOST: its file is larger than {LARGEST_FILE} bytes",
        f"YAHOO_API_KEY: its file is larger than {LARGEST_FILE} bytes",
    )


def test_the_largest_file_that_may_be_is_read(tmp_path: Path) -> None:
    (tmp_path / "HOST").write_text("a" * LARGEST_FILE)
    assert len(configured({"CONFIG_DIR": str(tmp_path)}).settings.host) == LARGEST_FILE


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("{folder}/file", "is not a directory"),
        ("{folder}/none", "is not a directory"),
        ("{folder}/file/below", "is not a directory"),
        ("x" * 5000, "it cannot be read (OSError)"),
        ("a\0b", "it cannot be read (ValueError)"),
    ],
    ids=["file", "nothing", "below a file", "long", "null"],
)
def test_a_config_dir_that_is_no_directory_is_refused(tmp_path: Path, path: str, why: str) -> None:
    (tmp_path / "file").touch()
    (line,) = problems({"CONFIG_DIR": path.format(folder=tmp_path)})
    assert line.startswith("CONFIG_DIR: ")
    assert line.endswith(why)


@pytest.mark.parametrize("nothing", ["", "  "])
def test_a_config_dir_set_to_nothing_is_unset(nothing: str) -> None:
    assert configured({"CONFIG_DIR": nothing}).settings == DEFAULTS


# Bad values


@pytest.mark.parametrize(
    ("name", "text", "right"),
    [
        ("PORT", "http", "write a whole number"),
        ("PORT", "8001.5", "write a whole number"),
        ("PORT", "9" * 5000, "write a smaller number"),
        ("PORT", "-1", "it should be greater than or equal to 0"),
        ("PORT", "65536", "it should be less than or equal to 65535"),
        ("DATABASE_POOL_SIZE", "1", "it should be greater than or equal to 2"),
        ("WS_OUTBOX_MAX_MESSAGES", "7", "it should be greater than or equal to 8"),
        ("LOCAL_SWEEP_TICK_SEC", "often", "write a number"),
        ("LOCAL_SWEEP_TICK_SEC", "0.1", "it should be greater than or equal to 0.2"),
        ("LOCAL_SWEEP_TICK_SEC", "nan", "it should be less than or equal to 3600"),
        ("BREAKER_PROMOTE_THRESHOLD", "inf", "it should be less than or equal to 1"),
        ("LOCAL_SWEEP_ENABLED", "maybe", "write true or false"),
        ("LOG_LEVEL", "debug", "it should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("LOG_FORMAT", "xml", "it should be 'json' or 'text'"),
        ("DATABASE_URL", f"mysql://u:{SECRET}@h", "a URL that begins with postgresql:// or postgres://"),
        ("DATABASE_URL", SECRET, "a URL that begins with postgresql:// or postgres://"),
        ("RLC_REDIS_URL", f"http://u:{SECRET}@h", "a URL that begins with redis:// or rediss:// or unix://"),
        ("CADENCE_T0", "60", "name=number pairs with commas between, as in bars_1m=60,quotes_l1=5"),
        ("CADENCE_T0", "eod=1,eod=2", "name each only once"),
        ("CADENCE_T0 (ticks)", "ticks=5", "it should be 'bars_1m', 'eod' or 'quotes_l1'"),
        ("CADENCE_T1 (eod)", "eod=daily", "write a whole number"),
        ("CADENCE_T1 (eod)", "eod=0", "it should be greater than or equal to 1"),
        ("CADENCE_T2 (eod)", "eod=604801", "it should be less than or equal to 604800"),
        ("TIER_MAXS (T9)", "T9=5", "it should be 'T0', 'T1' or 'T2'"),
        ("TIER_MAXS (T0)", "T0=-1", "it should be greater than or equal to 0"),
    ],
)
def test_a_bad_value_is_told_by_name_with_what_would_be_right(name: str, text: str, right: str) -> None:
    (line,) = problems({name.partition(" ")[0]: text})
    assert line.startswith(f"{name}: ")
    assert line.endswith(right)
    assert len(line) < 160


@pytest.mark.parametrize(("demote", "promote"), [("0.7", "0.7"), ("0.8", "0.7"), ("0.70", ""), ("", "0.5")])
def test_demote_must_be_below_promote(demote: str, promote: str) -> None:
    (line,) = problems({"BREAKER_DEMOTE_THRESHOLD": demote, "BREAKER_PROMOTE_THRESHOLD": promote})
    assert line == "BREAKER_DEMOTE_THRESHOLD: write a number below BREAKER_PROMOTE_THRESHOLD"


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "PORT").write_text("http")
    lines = problems({"CONFIG_DIR": str(tmp_path), "LOG_LEVEL": "loud", "DATABASE_URL": SECRET})
    assert sorted(line.partition(":")[0] for line in lines) == ["DATABASE_URL", "LOG_LEVEL", "PORT"]


def test_a_value_that_is_hidden_by_a_good_one_does_no_harm(tmp_path: Path) -> None:
    assert from_sources(tmp_path, {"environment": "5", "directory": "x", ".env": "y"}).settings.port == 5


# Secrets and providers


@settings(deadline=None)
@given(
    name=st.sampled_from(
        ["DATABASE_URL", "RLC_REDIS_URL", "OPS_API_TOKEN", "FINNHUB_API_KEY", "YAHOO_SECRET"]
    ),
    scheme=st.sampled_from(["", "postgresql://", "redis://", "mysql://", "://"]),
    rest=st.text(max_size=30),
)
def test_no_secret_shows_in_a_configuration_or_an_error(name: str, scheme: str, rest: str) -> None:
    shown: Any
    try:
        found = configured({name: f"{scheme}{SECRET}{rest}"})
        shown = (
            f"{found!r} {found} {found.model_dump()} {found.model_dump_json()} {found.settings.model_dump()}"
        )
    except BadConfig as error:
        shown = "".join(traceback.format_exception(error))
    assert SECRET not in shown


def test_secrets_can_be_had_by_who_asks_for_them() -> None:
    url = f"postgresql://u:{SECRET}@h/d"
    found = configured({"DATABASE_URL": url, "FINNHUB_API_KEY": SECRET})
    assert found.settings.database_url is not None
    assert found.settings.database_url.get_secret_value() == url
    assert found.of_providers["FINNHUB_API_KEY"].get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("name", "is_of_a_provider"),
    [
        ("FINNHUB_API_KEY", True),
        ("ALPHA_VANTAGE_API_KEY", True),
        ("ALPACA_SECRET", True),
        ("YAHOO_BASE_URL", True),
        ("YAHOO2_LIMITS", True),
        ("API_KEY", False),
        ("_API_KEY", False),
        ("2ND_API_KEY", False),
        ("finnhub_api_key", False),
        ("FINNHUB_KEY", False),
        ("FINNHUB_API_KEY_OLD", False),
        ("OPS_API_TOKEN", False),
    ],
)
def test_settings_of_providers_are_known_by_their_pattern(
    tmp_path: Path, name: str, is_of_a_provider: bool
) -> None:
    (tmp_path / name).write_text("x")
    for found in (configured({name: "x"}), configured({"CONFIG_DIR": str(tmp_path)})):
        assert (name in found.of_providers) == is_of_a_provider
