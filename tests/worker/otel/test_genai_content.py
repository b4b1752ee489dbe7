"""The table of attributes and events that hold content, against the names that the conventions publish."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict, cast

import pytest
import yaml

from otel_memeval.worker.otel.genai_content import holds_content, is_content


class Convention(TypedDict, total=False):
    convention: str
    source: str
    version: str
    attributes: list[str]
    events: list[str]
    not_content: list[str]


CONVENTIONS = cast(
    "list[Convention]", yaml.safe_load((Path(__file__).parents[2] / "data" / "content_names.yaml").read_text("utf-8"))
)


def published(kind: str) -> list[str]:
    return sorted({name for convention in CONVENTIONS for name in cast("list[str]", convention.get(kind, []))})


def test_every_convention_names_its_source_and_version() -> None:
    """The list of names can be checked, and brought up to date."""
    assert len(CONVENTIONS) >= 8
    for convention in CONVENTIONS:
        assert convention["source"].startswith("https://github.com/")
        assert convention["version"]
        assert convention["attributes"]


@pytest.mark.parametrize("name", published("attributes"))
def test_published_attribute_with_content_is_in_the_table(name: str) -> None:
    """Every attribute that a convention publishes for content is known, in any case."""
    assert holds_content(name)
    assert holds_content(name.upper())


@pytest.mark.parametrize("name", published("events"))
def test_published_event_with_content_is_in_the_table(name: str) -> None:
    """Every event that is one message of a conversation is known."""
    assert is_content(name)


@pytest.mark.parametrize("name", published("not_content"))
def test_published_attribute_without_content_is_not_in_the_table(name: str) -> None:
    """Names, ids, counts and settings are sent."""
    assert not holds_content(name)


@pytest.mark.parametrize(
    "name",
    [
        "gen_ai.prompt.0.content",
        "gen_ai.completion.1.role",
        "gen_ai.request.prompt",
        "gen_ai.response.content",
        "llm.completions.0.content",
        "mlflow.spanInputs",
        "langfuse.trace.output",
        "haystack.component.input",
        "ai.prompt.messages",
        "ai.response.text",
    ],
)
def test_names_beyond_the_conventions_are_in_the_table(name: str) -> None:
    """Indexed names, older ones, and those of MLflow, Langfuse, Haystack and the Vercel AI SDK."""
    assert holds_content(name)


@pytest.mark.parametrize("name", ["server.address", "message_count", "error.type", "http.route", "thread.name"])
def test_other_attributes_are_not_in_the_table(name: str) -> None:
    """Attributes of other conventions are sent."""
    assert not holds_content(name)


@pytest.mark.parametrize(
    "name", ["exception", "retry", "gen_ai.client.inference.operation.details", "gen_ai.evaluation.result", "message"]
)
def test_other_events_stay_without_their_content(name: str) -> None:
    """An event whose attributes have published names is kept; only its attributes with content are left out."""
    assert not is_content(name)
