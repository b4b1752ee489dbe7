"""Offer plain functions to the model as tools, described by a JSON schema derived from their signature."""

from __future__ import annotations

import inspect
import types
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, Union, get_args, get_origin, get_type_hints

from opentelemetry.context import Context, attach, detach

from scenarios.agents.errors import ToolError
from scenarios.agents.events import Event
from scenarios.agents.jsontypes import JsonObject, JsonValue, parse_object

_SIMPLE_TYPES: dict[object, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a tool, as text for the model."""

    text: str


class Tool(Protocol):
    """A tool that an agent can offer to its model."""

    @property
    def name(self) -> str:
        """The name by which the model calls the tool."""

    @property
    def description(self) -> str:
        """The description of the tool for the model."""

    @property
    def parameters(self) -> JsonObject:
        """The JSON schema of the arguments, of type object."""

    def run(self, arguments: str, parent: Context) -> AsyncGenerator[Event | ToolResult, None]:
        """Call the tool with JSON text; yield events of other agents, if any, and one ``ToolResult`` as the last item.

        Raises ``ToolError`` if the arguments do not fit the schema.
        """


@dataclass(frozen=True)
class FunctionTool:
    """A sync or async function as a tool. Sync functions run in the event loop, so they must be quick."""

    function: Callable[..., object]
    name: str
    description: str
    parameters: JsonObject

    @classmethod
    def from_function(cls, function: Callable[..., object]) -> FunctionTool:
        """Create a tool with the function's name, the first paragraph of its docstring, and a schema of its parameters.

        Raises ``TypeError`` for a parameter whose type has no JSON form.
        """
        name = function.__name__
        paragraph = (inspect.getdoc(function) or "").split("\n\n")[0]
        return cls(function, name, " ".join(paragraph.split()), parameters_schema(function))

    async def run(self, arguments: str, parent: Context) -> AsyncGenerator[Event | ToolResult, None]:
        """Call the function as described in ``Tool.run``; its errors pass through."""
        given = self._check(arguments)
        # The tool's span is current while the function runs, and so the parent of its spans. Nothing is yielded meanwhile.
        token = attach(parent)
        try:
            result = self.function(**given)
            if inspect.isawaitable(result):
                result = await result
        finally:
            detach(token)
        yield ToolResult(str(result))

    def _check(self, arguments: str) -> JsonObject:
        try:
            given = parse_object(arguments or "{}")
        except ValueError as error:
            raise ToolError(f"{self.name}: the arguments are not a JSON object ({error}); send one") from error
        try:
            inspect.signature(self.function).bind(**given)
        except TypeError as error:
            raise ToolError(f"{self.name}: {error}; see its schema") from error
        return given


def parameters_schema(function: Callable[..., object]) -> JsonObject:
    """Return the JSON schema of a function's parameters; ``Annotated[str, "text"]`` adds a description.

    Raises ``TypeError`` for a parameter without a type, or with one that has no JSON form.
    """
    hints = get_type_hints(function, include_extras=True)
    properties: dict[str, JsonValue] = {}
    required: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(f"tool {function.__name__}: parameter {name!r} cannot be given by name")
        if name not in hints:
            raise TypeError(f"tool {function.__name__}: parameter {name!r} has no type; add one")
        try:
            properties[name] = type_schema(hints[name])
        except TypeError as error:
            raise TypeError(f"tool {function.__name__}: parameter {name!r}: {error}") from None
        if parameter.default is parameter.empty:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def type_schema(hint: object) -> JsonObject:
    """Return the JSON schema of a type: str, int, float, bool, Literal, list, Optional or Annotated of these.

    Raises ``TypeError`` for any other type.
    """
    if hint in _SIMPLE_TYPES:
        return {"type": _SIMPLE_TYPES[hint]}
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        described = [note for note in inner[1:] if isinstance(note, str)]
        schema = type_schema(inner[0])
        return {**schema, "description": described[0]} if described else schema
    if origin is Literal and all(isinstance(choice, str) for choice in inner):
        return {"type": "string", "enum": list(inner)}
    if origin is list:
        return {"type": "array", "items": type_schema(inner[0])}
    if origin in (Union, types.UnionType):
        present = [part for part in inner if part is not type(None)]
        if len(present) == 1:
            return {"anyOf": [type_schema(present[0]), {"type": "null"}]}
    raise TypeError(f"the type {hint!r} has no JSON form here; use str, int, float, bool, Literal, list or Optional")
