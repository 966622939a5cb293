"""/universe: read as pages or files, as it was, and changed by those who may."""

import io

import pytest
from pyarrow import parquet

from .conftest import Serving

pytestmark = pytest.mark.anyio

CSV = "symbol,exchange,asset_type,adv_21d,tier\n" + "".join(
    f"S{number:03},NYSE,equity,{number},T{number % 3}\n" for number in range(250)
)
CSV_TYPE = {"Content-Type": "text/csv"}


async def test_rows_are_brought_in_and_read_in_pages_and_files(serving: Serving) -> None:
    served = await serving()
    before = {one["symbol"] for one in (await served.get("/universe")).json["members"]}
    got = await served.ask("POST", "/ops/universe?tag=first&source=test", headers=CSV_TYPE, data=CSV)
    assert got.status == 200, got.text
    assert len(got.json["difference"]["added"]) == 250
    assert got.json["version"]["source_meta"] == {"source": "test", "rows": 250}
    again = await served.ask("POST", "/ops/universe", headers=CSV_TYPE, data=CSV)
    assert again.json["version"] is None
    found, after = [], ""
    while True:
        page = (await served.get(f"/universe?limit=100&after={after}")).json
        found += [one["symbol"] for one in page["members"]]
        if not (after := page["next"]):
            break
    assert found == sorted({f"S{number:03}" for number in range(250)} | before)
    file = await served.get("/universe?format=csv&tier=T1")
    assert file.headers["content-type"].startswith("text/csv")
    assert file.text.count("\n") == 1 + sum(line.endswith(",T1") for line in CSV.splitlines())
    lines = await served.ask("GET", "/universe", headers={"Accept": "application/x-ndjson"})
    assert lines.text.count("\n") == len(found)
    async with served.session.get(f"{served.url}/universe?format=parquet") as answer:
        table = parquet.read_table(io.BytesIO(await answer.read()))
    assert table.column("symbol").to_pylist() == found


async def test_it_is_read_as_it_was_compared_and_rolled_back(serving: Serving) -> None:
    served = await serving()
    await served.ask("POST", "/ops/universe?tag=first", headers=CSV_TYPE, data="symbol,tier\nAAPL,T0\n")
    body = [{"symbol": "AAPL", "tier": "T1"}, {"symbol": "MSFT", "tier": "T1"}]
    await served.ask("POST", "/ops/universe?tag=second", json=body)
    then = (await served.get("/universe?version=first&tier=T0")).json
    assert "AAPL" in {one["symbol"] for one in then["members"]}
    found = (await served.get("/universe/diff?from=first&to=second")).json
    assert found["added"] == ["MSFT"]
    assert found["changed"] == [{"symbol": "AAPL", "fields": {"tier": ["T0", "T1"]}}]
    back = await served.ask("POST", "/ops/universe/rollback/first")
    assert back.status == 200
    assert [one["symbol"] for one in back.json["difference"]["changed"]] == ["AAPL", "MSFT"]
    tags = [one["version_tag"] for one in (await served.get("/universe/versions")).json]
    assert tags[1:] == ["second", "first"]
    assert (await served.ask("POST", "/ops/universe/retier")).status == 200


@pytest.mark.parametrize(
    ("headers", "body", "says"),
    [
        (CSV_TYPE, "symbol,tier\nAAPL,T9\n", "tier 'T9' is not one of"),
        (CSV_TYPE, "ticker\nAAPL\n", "unknown columns ticker"),
        ({"Content-Type": "text/plain"}, "AAPL", "is not one of text/csv"),
    ],
)
async def test_what_cannot_be_brought_in_is_told(
    serving: Serving, headers: dict[str, str], body: str, says: str
) -> None:
    served = await serving()
    got = await served.ask("POST", "/ops/universe", headers=headers, data=body)
    assert got.status == 422
    assert says in got.problem["detail"]


@pytest.mark.parametrize(
    ("question", "status", "says"),
    [
        ("limit=0", 422, "limit"),
        ("as_of=yesterday", 422, "as_of"),
        ("version=none", 404, "no version 'none'"),
        ("version=a&as_of=2025-10-08T00:00:00Z", 422, "the same thing"),
    ],
)
async def test_a_bad_question_is_told(serving: Serving, question: str, status: int, says: str) -> None:
    served = await serving()
    got = await served.get(f"/universe?{question}")
    assert got.status == status
    assert says in got.problem["detail"]
