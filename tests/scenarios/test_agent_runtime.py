"""Test the agent runtime with the real model server and PostgreSQL."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace

import pytest
from openai import AsyncOpenAI, InternalServerError
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from scenarios.agents import (
    Agent,
    AgentError,
    ChatModel,
    ContentDelta,
    Event,
    MemoryUpdated,
    RunCompleted,
    RunStarted,
    Storage,
    Team,
    ToolCallCompleted,
    ToolCallStarted,
    ToolError,
    conversation,
    telemetry,
)
from scenarios.agents.messages import Message

QUESTION = "I love Oslo! What weather can I expect in Oslo?"


def get_weather(city: str) -> str:
    """Get the weather."""
    return f"Snow in {city}."


@dataclass(frozen=True)
class Setting:
    """A model, a database, and a session and a user for one test."""

    model: ChatModel
    database: Storage
    session_id: str
    user_id: str

    def agent(self, **settings: object) -> Agent:
        agent = Agent(name="Weather Agent", model=self.model, role="weather", tools=[get_weather])
        return replace(agent, **settings)  # type: ignore[arg-type]

    def team(self, **settings: object) -> Team:
        team = Team(name="Weather Team", model=self.model, members=[self.agent(**settings)])
        return replace(team, **settings)  # type: ignore[arg-type]

    async def ask(self, runnable: Agent | Team, question: str = QUESTION, *, stream: bool = True) -> list[Event]:
        answer = runnable.arun(question, session_id=self.session_id, user_id=self.user_id, stream=stream, stream_events=True)
        async with aclosing(answer) as events:
            return [event async for event in events]


@asynccontextmanager
async def opened(model_url: str, dsn: str) -> AsyncIterator[Setting]:
    async with AsyncOpenAI(api_key="unused", base_url=model_url, max_retries=0) as client:
        database = await Storage.open(dsn)
        try:
            yield Setting(ChatModel(client), database, uuid.uuid4().hex, uuid.uuid4().hex)
        finally:
            await database.close()


Run = Callable[[Callable[[Setting], Awaitable[None]]], None]


@pytest.fixture
def run(model_url: str, dsn: str) -> Run:
    """Return a function that runs an async test with a ``Setting``."""

    def run_it(test: Callable[[Setting], Awaitable[None]]) -> None:
        async def main() -> None:
            async with opened(model_url, dsn) as setting:
                await test(setting)

        asyncio.run(main())

    return run_it


def kinds(events: list[Event]) -> list[str]:
    """Return the names of the events in order; consecutive deltas of text count as one."""
    names = [type(event).__name__ for event in events]
    return [name for index, name in enumerate(names) if name != "ContentDelta" or names[index - 1] != name]


def test_agent_without_database_yields_its_events_in_order(run: Run) -> None:
    """An agent without a database calls its tool, answers from its result, and yields its events in order."""

    async def test(setting: Setting) -> None:
        events = await setting.ask(setting.agent())
        expected = ["RunStarted", "ToolCallStarted", "ToolCallCompleted", "ContentDelta", "RunCompleted"]
        assert kinds(events) == expected
        end = events[-1]
        assert isinstance(end, RunCompleted)
        assert "Snow in Oslo." in end.content
        assert end.content == "".join(event.text for event in events if isinstance(event, ContentDelta))
        assert end.usage.input_tokens > 0
        assert end.usage.output_tokens > 0

    run(test)


def test_team_yields_its_events_in_order(run: Run, model_url: str, model_requests: Callable[[str], dict[str, int]]) -> None:
    """The leader delegates, the member runs within that call, memories follow; a run makes eight model requests."""

    async def test(setting: Setting) -> None:
        before = model_requests(model_url)["all"]
        events = await setting.ask(setting.team(database=setting.database, update_memory_on_run=True))
        assert model_requests(model_url)["all"] - before == 8
        member = ["RunStarted", "ToolCallStarted", "ToolCallCompleted", "ContentDelta", "MemoryUpdated", "RunCompleted"]
        end = ["ToolCallCompleted", "ContentDelta", "MemoryUpdated", "RunCompleted"]
        assert kinds(events) == ["RunStarted", "ToolCallStarted", *member, *end]
        assert {event.agent for event in events} == {"Weather Team", "Weather Agent"}
        assert [event.agent for event in events if isinstance(event, RunCompleted)] == ["Weather Agent", "Weather Team"]
        delegated = next(event for event in events if isinstance(event, ToolCallStarted))
        assert delegated.tool == "delegate_task_to_member"

    run(test)


def test_agent_yields_fewer_events_without_streaming_or_events(run: Run) -> None:
    """Without streaming only the end is yielded; without events only text and ends, also those of members."""

    async def test(setting: Setting) -> None:
        team = setting.team()
        (end,) = await setting.ask(team, stream=False)
        assert isinstance(end, RunCompleted)
        assert end.agent == "Weather Team"
        quiet = team.arun(QUESTION, session_id=setting.session_id, user_id=setting.user_id)
        assert {type(event) for event in [event async for event in quiet]} == {ContentDelta, RunCompleted}

    run(test)


@pytest.mark.parametrize("num_runs", [1, 2, 5])
def test_history_is_limited(run: Run, num_runs: int) -> None:
    """The history is the last ``num_runs`` of four runs, oldest first, without those of other agents or sessions."""

    async def test(setting: Setting) -> None:
        save, session = setting.database.save_run, setting.session_id
        for number in range(4):
            messages = [Message("user", f"q{number}"), Message("assistant", f"a{number}")]
            await save(uuid.uuid4().hex, session_id=session, agent="A", user_id=setting.user_id, messages=messages)
        for other, agent in ((session, "B"), (f"{session}-2", "A")):
            messages = [Message("user", "other")]
            await save(uuid.uuid4().hex, session_id=other, agent=agent, user_id=setting.user_id, messages=messages)
        texts = [message.content for message in await setting.database.history(session, "A", num_runs)]
        assert texts == [f"{kind}{number}" for number in range(4) for kind in "qa"][-2 * num_runs :]

    run(test)


def test_history_reaches_the_model(run: Run) -> None:
    """Input tokens increase until the history has three runs, then stay constant; without history they never increase."""

    async def input_tokens(setting: Setting, *, history: bool) -> list[int]:
        agent = setting.agent(database=setting.database, add_history_to_context=history)
        ends = [(await setting.ask(agent))[-1] for _ in range(6)]
        return [end.usage.input_tokens for end in ends if isinstance(end, RunCompleted)]

    async def test(setting: Setting) -> None:
        tokens = await input_tokens(setting, history=True)
        assert tokens[0] < tokens[1] < tokens[2] < tokens[3] == tokens[4] == tokens[5]
        plain = await input_tokens(replace(setting, session_id=uuid.uuid4().hex), history=False)
        assert plain == [tokens[0]] * 6

    run(test)


def test_memories_are_added_and_updated(run: Run) -> None:
    """The first run adds a memory, the next run replaces it, and other users cannot change it."""

    async def test(setting: Setting) -> None:
        agent = setting.agent(database=setting.database, update_memory_on_run=True)
        events = await setting.ask(agent)
        assert [event.changes for event in events if isinstance(event, MemoryUpdated)] == [1]
        (first,) = await setting.database.memories(setting.user_id)
        assert first.text == "The user loves Oslo."
        await setting.ask(replace(agent, name="Other"), QUESTION.replace("Oslo", "Lima"))
        (second,) = await setting.database.memories(setting.user_id)
        assert second.memory_id == first.memory_id
        assert second.text == "The user loves Oslo, Lima."
        stranger = f"{setting.user_id}-2"
        with pytest.raises(ToolError, match="no memory"):
            await setting.database.update_memory(stranger, str(first.memory_id), "stolen")
        with pytest.raises(ToolError, match="no memory"):
            await setting.database.delete_memory(stranger, f"[{first.memory_id}]")
        with pytest.raises(ToolError, match="is not the number of a memory"):
            await setting.database.delete_memory(setting.user_id, "1; DROP TABLE")
        await setting.database.delete_memory(setting.user_id, f"[{first.memory_id}]")
        assert await setting.database.memories(setting.user_id) == []

    run(test)


def test_message_without_a_fact_changes_no_memory(run: Run) -> None:
    """A message without a fact changes no memories, and the event reports 0 changes."""

    async def test(setting: Setting) -> None:
        agent = setting.agent(database=setting.database, update_memory_on_run=True)
        events = await setting.ask(agent, "Hello!")
        assert [event.changes for event in events if isinstance(event, MemoryUpdated)] == [0]
        assert await setting.database.memories(setting.user_id) == []

    run(test)


def test_failing_tool_does_not_end_the_run(run: Run, spans: InMemorySpanExporter) -> None:
    """The model receives the error, the event is marked as failed, and only the tool's span has an error."""

    def get_weather(city: str) -> str:
        raise RuntimeError(f"no forecast for {city}")

    async def test(setting: Setting) -> None:
        events = await setting.ask(setting.agent(tools=[get_weather]))
        (call,) = [event for event in events if isinstance(event, ToolCallCompleted)]
        assert call.failed
        assert call.result == "Error: no forecast for Oslo"
        assert isinstance(events[-1], RunCompleted)

    run(test)
    failed = [span for span in spans.get_finished_spans() if span.status.status_code is StatusCode.ERROR]
    assert [span.name for span in failed] == ["execute_tool get_weather"]
    assert (failed[0].attributes or {})["error.type"] == "RuntimeError"
    assert "forecast" not in failed[0].to_json()


@pytest.mark.parametrize(("limit", "answers"), [(1, False), (2, True)])
def test_endless_tool_calls_are_stopped(run: Run, monkeypatch: pytest.MonkeyPatch, limit: int, answers: bool) -> None:
    """A run that needs two model requests is stopped with an error if the limit is one, and not if it is two."""
    monkeypatch.setattr(conversation, "MAX_MODEL_REQUESTS", limit)

    async def test(setting: Setting) -> None:
        stopped = pytest.raises(AgentError, match="Weather Agent: the model called tools 1 times")
        with nullcontext() if answers else stopped:
            assert isinstance((await setting.ask(setting.agent()))[-1], RunCompleted)

    run(test)


def test_team_run_is_one_trace_of_genai_spans(run: Run, spans: InMemorySpanExporter) -> None:
    """A team's run is one trace of GenAI spans below the caller's span, without text of the user or the model."""

    async def test(setting: Setting) -> None:
        tracer = telemetry._TRACER
        with tracer.start_as_current_span("caller"):
            await setting.ask(setting.team(database=setting.database, update_memory_on_run=True))
            assert trace.get_current_span().is_recording()

    run(test)
    finished = spans.get_finished_spans()
    names = {span.context.span_id: span.name for span in finished if span.context}
    chat = ["chat gpt-5.2"] * 4
    assert tree(finished, names) == {
        "caller": ["invoke_agent Weather Team"],
        "invoke_agent Weather Team": [*chat, "execute_tool delegate_task_to_member", "execute_tool update_memory"],
        "execute_tool delegate_task_to_member": ["invoke_agent Weather Agent"],
        "invoke_agent Weather Agent": [*chat, "execute_tool add_memory", "execute_tool get_weather"],
    }
    for span in finished:
        attributes = span.attributes or {}
        operation = span.name.split(" ")[0]
        if operation != "caller":
            assert attributes["gen_ai.operation.name"] == operation
            assert attributes["gen_ai.provider.name"] == "openai"
            assert span.kind is (SpanKind.CLIENT if operation == "chat" else SpanKind.INTERNAL)
        if operation == "chat":
            assert int(str(attributes["gen_ai.usage.input_tokens"])) > 0
            assert int(str(attributes["gen_ai.usage.output_tokens"])) > 0
            assert attributes["gen_ai.request.model"] == "gpt-5.2"
        assert span.status.status_code is StatusCode.UNSET
        assert "Oslo" not in span.to_json()


def tree(finished: tuple[ReadableSpan, ...], names: dict[int, str]) -> dict[str, list[str]]:
    """Return the sorted names of the children of each span."""
    children: dict[str, list[str]] = {}
    for span in finished:
        if span.parent is not None:
            children.setdefault(names[span.parent.span_id], []).append(span.name)
    return {name: sorted(below) for name, below in children.items()}


def test_failed_request_marks_spans_and_an_early_end_does_not(
    run_model_server: Callable[..., AbstractContextManager[str]], dsn: str, spans: InMemorySpanExporter
) -> None:
    """A failed model request sets status Error on its span and on that of the run; a consumer that stops early does not."""

    async def test(url: str) -> None:
        async with opened(url, dsn) as setting:
            early = setting.agent().arun("Hello!", session_id="s", user_id="u", stream_events=True)
            async with aclosing(early) as events:
                async for event in events:
                    if isinstance(event, ContentDelta):
                        break
            assert {span.status.status_code for span in spans.get_finished_spans()} == {StatusCode.UNSET}
            assert len(spans.get_finished_spans()) == 2
            with pytest.raises(InternalServerError):
                await setting.ask(setting.agent())

    with run_model_server("--every-500", "2") as url:
        asyncio.run(test(url))
    failed = spans.get_finished_spans()[2:]
    assert [span.name for span in failed] == ["chat gpt-5.2", "invoke_agent Weather Agent"]
    for span in failed:
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == "InternalServerError (HTTP 500)"
        assert (span.attributes or {})["error.type"] == "openai.InternalServerError"


def test_team_without_members_or_with_equal_names_is_refused(run: Run) -> None:
    """Creating a team without members, or with two members of the same name, raises an error."""

    async def test(setting: Setting) -> None:
        for members in ([], [setting.agent(), setting.agent()], [setting.agent(name="Weather Team")]):
            with pytest.raises(ValueError, match="members"):
                Team(name="Weather Team", model=setting.model, members=members)

    run(test)


def test_team_and_member_run_in_the_same_session(run: Run) -> None:
    """The events of team and member have the same session."""

    async def test(setting: Setting) -> None:
        events = await setting.ask(setting.team())
        sessions = [event.session_id for event in events if isinstance(event, RunStarted)]
        assert sessions == [setting.session_id] * 2

    run(test)
