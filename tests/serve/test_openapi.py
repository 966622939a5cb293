"""The description of the API: complete, true to what is answered, and readable without a network."""

import asyncio
import html
import re
import shlex
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from .conftest import Served, minutes

pytestmark = pytest.mark.anyio

ENDLESS = ("/sse/{symbol}",)
"""Answers that do not end: test_sse asks for them."""
EXAMPLES = 15
"""Questions that are made up for each call."""
CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@pytest.fixture
async def document(served: Served) -> Any:
    return (await served.get("/docs/openapi.json")).json


async def test_every_call_of_the_contract_is_described(document: Any) -> None:
    assert {
        "/health",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/stats/cadence",
        "/stats/providers",
        "/stocks/batch",
        "/stocks/{symbol}/history",
        "/stocks/{symbol}/intraday",
        "/stocks/{symbol}/price",
    } <= set(document["paths"])


async def test_every_call_and_every_parameter_says_what_it_is_for(document: Any) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            assert operation["description"], path
            for parameter in operation.get("parameters", []):
                assert parameter.get("description"), (path, parameter["name"])
                if parameter["in"] == "path":
                    assert parameter.get("examples"), (path, parameter["name"])


async def test_every_failure_is_described_as_a_problem_document(document: Any) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                if not status.startswith("2") and path != "/health":
                    assert list(response["content"]) == ["application/problem+json"], (path, status)
                    assert response["description"], (path, status)


async def test_no_made_up_question_finds_a_server_error_or_an_undescribed_answer(served: Served) -> None:
    await served.write(minutes("2024-07-03T13:30:00Z", 30))
    problems = await asyncio.to_thread(_explore, served.url)
    assert problems == []


def _explore(url: str) -> list[str]:
    """Ask what the document allows, and what it just does not; returns what was answered wrongly."""
    schema = schemathesis.openapi.from_url(f"{url}/docs/openapi.json")
    problems: list[str] = []
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.path in ENDLESS:
            continue
        for mode in schemathesis.GenerationMode:
            _ask(operation.as_strategy(mode), problems)
            if "{symbol}" in operation.path:
                # a made-up symbol is nearly always unknown: one that is not lets questions get further
                _ask(operation.as_strategy(mode, path_parameters={"symbol": "AAPL"}), problems)
    return problems


def _ask(cases: SearchStrategy[Any], problems: list[str]) -> None:
    @seed(1)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def ask(case: Any) -> None:
        response = case.call(timeout=20)
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as failures:
            problems.extend(f"{case.method} {response.request.url}: {one}" for one in failures.exceptions)

    with suppress(Unsatisfiable):  # a call without parameters cannot be asked wrongly
        ask()


async def test_the_page_of_the_calls_reads_without_a_network(served: Served, document: Any) -> None:
    got = await served.get("/docs")
    assert (got.status, got.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert not re.findall(r"<(?:script|link|img|iframe)\b", got.text)
    for path, operations in document["paths"].items():
        for method in operations:
            assert f"<code>{method.upper()} {path}</code>" in got.text


async def test_each_example_of_the_page_works_as_it_stands(served: Served) -> None:
    await served.write(minutes("2024-07-03T13:30:00Z", 3))
    page = html.unescape((await served.get("/docs")).text)
    for line in re.findall(r"<pre>(curl .*?)</pre>", page):
        words = shlex.split(line)
        url = next(word for word in words if word.startswith("http"))
        body = words[words.index("-d") + 1] if "-d" in words else None
        headers = {"Content-Type": "application/json"} if body else {}
        method = words[words.index("-X") + 1] if "-X" in words else "GET"
        if any(path.partition("{")[0] in url for path in ENDLESS):
            continue
        got = await served.ask(method, url.removeprefix(served.url), data=body, headers=headers)
        allowed = {404, 422} if "/ops/" in line else set()  # of a dead letter, and of a day that is to come
        assert got.status in {200, 202} | allowed, line
