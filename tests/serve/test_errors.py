"""Every error is a problem document, and none tells what is nobody's business."""

from io import BytesIO

import asyncpg
import pytest

from .conftest import Served

pytestmark = pytest.mark.anyio


async def test_a_path_that_nothing_answers_is_404(served: Served) -> None:
    got = await served.get("/nowhere/at/all")
    assert (got.status, got.problem["instance"]) == (404, "/nowhere/at/all")
    assert "/docs" in got.problem["detail"]


async def test_a_method_that_is_not_answered_is_405_and_names_those_that_are(served: Served) -> None:
    got = await served.ask("DELETE", "/health")
    assert got.status == 405
    assert "DELETE" in got.problem["detail"]
    assert "GET" in got.headers["allow"]


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b""])
async def test_a_body_that_is_not_json_is_refused(served: Served, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    got = await served.ask("POST", "/stocks/batch", data=body, headers=headers)
    assert got.status in {400, 422}
    assert "JSON" in got.problem["detail"] or "body" in got.problem["detail"]


async def test_a_body_that_is_too_large_is_413(served: Served) -> None:
    got = await served.ask("POST", "/stocks/batch", data=BytesIO(b"[" * (1024 * 1024 + 1)))
    assert got.problem["status"] == 413


async def test_an_error_of_our_own_is_500_without_a_trace(
    served: Served, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("market_data.serve.price.quotes.newest", _broken)
    got = await served.get("/stocks/AAPL/price")
    assert got.status == 500
    assert "hunter2" not in got.text
    assert "Traceback" not in got.text
    assert got.problem["title"] == "Internal Server Error"


async def _broken(*_: object) -> None:
    raise asyncpg.PostgresError("postgresql://user:hunter2@host refused")


@pytest.mark.parametrize(
    "symbol",
    ["%00", "..%2f..%2fetc", "a b", "é" * 40, "x" * 2000, "'; DROP TABLE quotes_l1;--", "%F0%9F%98%80"],
)
async def test_a_symbol_that_cannot_be_one_is_404(served: Served, symbol: str) -> None:
    got = await served.get(f"/stocks/{symbol}/price")
    assert got.problem["status"] == 404
    assert len(got.text) < 1000
