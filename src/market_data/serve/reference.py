"""The page at /docs: every call, made of the OpenAPI document alone, so that it reads without a network."""

import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from litestar import Request
from litestar.datastructures import State
from litestar.openapi.plugins import OpenAPIRenderPlugin

Described = Mapping[str, Any]
"""A part of an OpenAPI document."""


class ReferencePlugin(OpenAPIRenderPlugin):
    """Litestar's hook for a page about the OpenAPI document."""

    def render(self, request: Request[object, object, State], openapi_schema: dict[str, Any]) -> bytes:
        """The page as HTML."""
        return page(openapi_schema, str(request.base_url).rstrip("/")).encode()


def page(document: Described, origin: str) -> str:
    """The HTML page of an OpenAPI document; `origin` is where its examples are sent."""
    info = document["info"]
    operations = (
        _operation(path, method.upper(), operation, _curl(path, method, operation, document, origin))
        for path, methods in sorted(document["paths"].items())
        for method, operation in methods.items()
    )
    template = Template(files("market_data.serve").joinpath("reference.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(info["title"]),
        version=escape(info["version"]),
        description=escape(info["description"]),
        base="/docs",
        operations="\n".join(operations),
    )


def _operation(path: str, method: str, operation: Described, example: str) -> str:
    parameters = operation.get("parameters", [])
    rows = "".join(_row(one["name"], _about(one)) for one in parameters)
    answers = "".join(_row(status, one["description"]) for status, one in operation["responses"].items())
    return f"""<section><h2><code>{method} {escape(path)}</code></h2>
<p><b>{escape(operation.get("summary", ""))}.</b> {escape(operation.get("description", ""))}</p>
<table>{rows}</table><pre>{escape(example)}</pre><table>{answers}</table></section>"""


def _row(name: str, about: str) -> str:
    return f"<tr><td><code>{escape(name)}</code></td><td>{escape(about)}</td></tr>"


def _about(parameter: Described) -> str:
    schema = parameter.get("schema", {})
    notes = [parameter.get("description", "")]
    if "enum" in schema:
        notes.append("One of " + ", ".join(map(str, schema["enum"])) + ".")
    if schema.get("default") is not None:
        notes.append(f"Without it: {schema['default']}.")
    return " ".join(notes)


def _curl(path: str, method: str, operation: Described, document: Described, origin: str) -> str:
    """A command line that works as it stands, where every parameter that is required has an example."""
    needed = []
    for one in operation.get("parameters", []):
        example = next(iter(one.get("examples", {}).values()), None)
        if one["in"] == "path" and example is not None:
            path = path.replace("{" + one["name"] + "}", str(example["value"]))
        elif one["in"] == "query" and one.get("required") and example is not None:
            needed.append(f"{one['name']}={example['value']}")
    if needed:
        path += "?" + "&".join(needed)
    if "requestBody" not in operation:
        return f"curl '{origin}{path}'" if method == "get" else f"curl -X {method.upper()} '{origin}{path}'"
    body = json.dumps(_body(operation, document))
    return f"curl -X POST '{origin}{path}' -H 'Content-Type: application/json' -d '{body}'"


def _body(operation: Described, document: Described) -> Mapping[str, object]:
    """The required members of a request's body, by their first example."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    schema = document["components"]["schemas"].get(name, {})
    members = schema.get("properties", {})
    return {one: members[one]["examples"][0] for one in schema.get("required", ())}
