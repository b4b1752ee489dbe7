"""Test the parts of the runtime that need no service: tools, messages and SQL."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal, Optional

import pytest
from opentelemetry.context import Context

from scenarios.agents import FunctionTool, ToolError
from scenarios.agents.messages import Message, ToolCall
from scenarios.agents.sql import load_queries, load_text
from scenarios.agents.tools import ToolResult, parameters_schema


def book(
    city: Annotated[str, "Where to."],
    nights: int,
    kinds: list[Literal["single", "double"]],
    price: Optional[float] = None,  # noqa: UP045 both spellings must work
    breakfast: bool | None = None,
    fast: bool = False,
) -> str:
    """Book a room
    in a hotel.

    More that the model does not need.
    """
    return f"{city} {nights} {kinds} {price} {breakfast} {fast}"


def no_type(city) -> str:  # type: ignore[no-untyped-def]
    return str(city)


def odd_type(city: bytes) -> str:
    return str(city)


def any_number(*cities: str) -> str:
    return str(cities)


async def call(function: object, arguments: str) -> str:
    assert callable(function)
    results = [part async for part in FunctionTool.from_function(function).run(arguments, Context())]
    assert len(results) == 1
    assert isinstance(results[0], ToolResult)
    return results[0].text


def test_schema_is_derived_from_the_signature() -> None:
    """The JSON schema has all supported types, descriptions and defaults of the signature."""
    assert parameters_schema(book) == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where to."},
            "nights": {"type": "integer"},
            "kinds": {"type": "array", "items": {"type": "string", "enum": ["single", "double"]}},
            "price": {"anyOf": [{"type": "number"}, {"type": "null"}]},
            "breakfast": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
            "fast": {"type": "boolean"},
        },
        "required": ["city", "nights", "kinds"],
        "additionalProperties": False,
    }


def test_tool_has_the_name_and_first_paragraph_of_its_function() -> None:
    """A tool has its function's name and the first paragraph of its docstring on one line."""
    tool = FunctionTool.from_function(book)
    assert (tool.name, tool.description) == ("book", "Book a room in a hotel.")


@pytest.mark.parametrize(("function", "reason"), [(no_type, "no type"), (odd_type, "bytes"), (any_number, "by name")])
def test_function_without_a_schema_is_refused(function: object, reason: str) -> None:
    """Creating a tool from a function without a JSON schema raises an error that names the parameter."""
    assert callable(function)
    with pytest.raises(TypeError, match=f"cit.*{reason}"):
        FunctionTool.from_function(function)


def test_sync_and_async_functions_are_called() -> None:
    """Sync and async functions receive their arguments by name, and their results become text."""

    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    assert asyncio.run(call(book, '{"city": "Rome", "nights": 2, "kinds": []}')) == "Rome 2 [] None None False"
    assert asyncio.run(call(double, '{"number": 21}')) == "42"


@pytest.mark.parametrize("arguments", ["{", "[]", "{}", '{"number": 1, "other": 2}'])
def test_invalid_arguments_raise_a_tool_error(arguments: str) -> None:
    """Arguments that are not a JSON object, incomplete or unknown raise a ``ToolError`` that names the tool."""

    def halve(number: int) -> int:
        return number // 2

    with pytest.raises(ToolError, match=r"^halve: "):
        asyncio.run(call(halve, arguments))


def test_message_read_from_its_json_is_equal() -> None:
    """A message of any role, written as JSON and read again, is equal to the original."""
    calls = (ToolCall("c1", "get_weather", '{"city": "Rome"}'),)
    for message in (
        Message("user", "hello"),
        Message("assistant", "", calls),
        Message("tool", "sunny", tool_call_id="c1"),
    ):
        assert Message.from_json(message.as_json()) == message
    with pytest.raises(ValueError, match="king"):
        Message.from_json({"role": "king", "content": ""})


def test_queries_are_found_by_name() -> None:
    """Every named query of the file is loaded, and every statement uses the schema memeval_team only."""
    queries = load_queries("queries.sql")
    assert {"history", "memories", "save_run"} <= set(queries)
    assert all(b"memeval_team." in query for query in queries.values())
    assert b"LIMIT %(limit)s" in queries["history"]
    assert load_text("schema.sql").count(b"IF NOT EXISTS") == load_text("schema.sql").count(b"CREATE") + 1
