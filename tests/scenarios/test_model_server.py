"""Test the local model server with the real OpenAI client over a real socket."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import openai
import pytest
from openai import OpenAI

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam, ChatCompletionToolParam
    from openai.types.responses import FunctionToolParam

ROOT = Path(__file__).parent.parent.parent
# Older versions of the client pass the error of the transport on, newer ones wrap it.
CUT = r"incomplete chunked read|Connection error"
RunServer = Callable[..., AbstractContextManager[str]]

WEATHER_SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER_TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Get the weather.", "parameters": WEATHER_SCHEMA},
}
WEATHER_FUNCTION: FunctionToolParam = {
    "type": "function",
    "name": "get_weather",
    "parameters": WEATHER_SCHEMA,
    "strict": True,
}
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello there"}]
QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is it like in New York today?"}]


def client(url: str) -> OpenAI:
    return OpenAI(api_key="unused", base_url=url, max_retries=0, timeout=10)


def raw_post(url: str, body: bytes) -> tuple[int, bytes, str | None]:
    """Send a plain POST request; return status, body and Retry-After."""
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read(), None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers["Retry-After"]


def test_chat_answers_with_text_and_usage(model_url: str) -> None:
    """A chat completion without tools is text with consistent token counts."""
    with client(model_url) as api:
        answer = api.chat.completions.create(model="gpt-5.2", messages=HELLO)
    assert answer.model == "gpt-5.2"
    assert answer.choices[0].finish_reason == "stop"
    assert "Hello there" in (answer.choices[0].message.content or "")
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 4 + 3  # four for the message, and one per four of its eleven bytes
    assert answer.usage.completion_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@pytest.mark.parametrize("include_usage", [True, False])
def test_chat_streams_the_same_answer(model_url: str, include_usage: bool) -> None:
    """A streamed chat completion is the complete one in several pieces, with usage only if requested."""
    with client(model_url) as api:
        complete = api.chat.completions.create(model="gpt-5.2", messages=HELLO)
        stream = api.chat.completions.create(
            model="gpt-5.2", messages=HELLO, stream=True, stream_options={"include_usage": include_usage}
        )
        chunks = list(stream)
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == complete.choices[0].message.content
    assert sum(bool(piece) for piece in pieces) > 1
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert [chunk.usage for chunk in chunks if chunk.usage] == ([complete.usage] if include_usage else [])


def test_chat_calls_a_tool_and_uses_its_result(model_url: str) -> None:
    """The model calls get_weather with the city of the question, and its next answer contains the result."""
    with client(model_url) as api:
        first = api.chat.completions.create(model="gpt-5.2", messages=QUESTION, tools=[WEATHER_TOOL])
        calls = first.choices[0].message.tool_calls
        assert calls is not None
        (call,) = calls
        assert call.type == "function"
        assert first.choices[0].finish_reason == "tool_calls"
        assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "New York"})
        messages: list[ChatCompletionMessageParam] = [
            *QUESTION,
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": call.function.arguments},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": call.id, "content": "Snow."},
        ]
        answer = api.chat.completions.create(model="gpt-5.2", messages=messages, tools=[WEATHER_TOOL])
    assert answer.choices[0].message.tool_calls is None
    assert "Snow." in (answer.choices[0].message.content or "")


def test_chat_streams_a_tool_call_in_pieces(model_url: str) -> None:
    """A streamed tool call begins with name and id, followed by pieces of the arguments."""
    question: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How is it in Rio De Janeiro?"}]
    with client(model_url) as api:
        chunks = list(api.chat.completions.create(model="gpt-5.2", messages=question, tools=[WEATHER_TOOL], stream=True))
    parts = [part for chunk in chunks for part in chunk.choices[0].delta.tool_calls or ()]
    named = [part.function.name for part in parts if part.function is not None and part.function.name]
    arguments = [part.function.arguments or "" for part in parts if part.function is not None]
    assert named == ["get_weather"]
    assert len(parts) > 2
    assert json.loads("".join(arguments)) == {"city": "Rio De Janeiro"}


@pytest.mark.parametrize(("choice", "calls"), [("none", 0), ("auto", 0), ("required", 1)])
def test_tool_choice_is_obeyed(model_url: str, choice: str, calls: int) -> None:
    """An unknown tool is called, with arguments that fit its schema, only if the request requires a call."""
    tool = {
        "type": "function",
        "function": {
            "name": "book",
            "parameters": {
                "type": "object",
                "properties": {"nights": {"type": "integer"}, "kind": {"type": "string", "enum": ["single"]}},
            },
        },
    }
    body = {"model": "gpt-5.2", "messages": HELLO, "tools": [tool], "tool_choice": choice}
    status, answer, _ = raw_post(f"{model_url}/chat/completions", json.dumps(body).encode())
    tool_calls = json.loads(answer)["choices"][0]["message"].get("tool_calls", [])
    assert (status, len(tool_calls)) == (200, calls)
    assert all(json.loads(call["function"]["arguments"]) == {"nights": 0, "kind": "single"} for call in tool_calls)


def test_responses_answer_with_text_and_usage(model_url: str) -> None:
    """The responses API answers a plain input with text and token counts."""
    with client(model_url) as api:
        answer = api.responses.create(model="gpt-5.2", instructions="Be kind.", input="Hello there")
    assert answer.status == "completed"
    assert "Hello there" in answer.output_text
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0


def test_responses_stream_the_same_answer(model_url: str) -> None:
    """The joined deltas of a streamed response are the complete one, and its events are numbered without a gap."""
    with client(model_url) as api:
        complete = api.responses.create(model="gpt-5.2", input="Hello there")
        events = list(api.responses.create(model="gpt-5.2", input="Hello there", stream=True))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(deltas) > 1
    assert "".join(deltas) == complete.output_text
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.usage == complete.usage


@pytest.mark.parametrize("stream", [False, True])
def test_responses_call_a_tool_and_use_its_result(model_url: str, stream: bool) -> None:
    """The responses API calls get_weather, streamed or not, and then answers from the tool's output."""
    question = "What is it like in Oslo?"
    with client(model_url) as api:
        if stream:
            with api.responses.stream(model="gpt-5.2", input=question, tools=[WEATHER_FUNCTION]) as events:
                first = events.get_final_response()
        else:
            first = api.responses.parse(model="gpt-5.2", input=question, tools=[WEATHER_FUNCTION])
        (call,) = first.output
        assert call.type == "function_call"
        assert json.loads(call.arguments) == {"city": "Oslo"}
        answer = api.responses.create(
            model="gpt-5.2",
            tools=[WEATHER_FUNCTION],
            input=[
                {"role": "user", "content": question},
                {
                    "type": "function_call",
                    "call_id": call.call_id,
                    "name": call.name,
                    "arguments": call.arguments,
                },
                {"type": "function_call_output", "call_id": call.call_id, "output": "Fog."},
            ],
        )
    assert "Fog." in answer.output_text


def test_models_are_listed(model_url: str) -> None:
    """GET /v1/models names the default model."""
    with client(model_url) as api:
        assert "gpt-5.2" in [model.id for model in api.models.list()]


def test_same_seed_gives_the_same_bytes(run_model_server: RunServer) -> None:
    """Two servers with the same seed send identical answers, streamed or not; another seed gives another answer."""
    answers = []
    for seed in ("7", "7", "8"):
        with run_model_server("--seed", seed) as url:
            for path, key in (("chat/completions", "messages"), ("responses", "input")):
                for stream in (False, True):
                    body = json.dumps({"model": "gpt-5.2", key: HELLO, "stream": stream}).encode()
                    answers.append(raw_post(f"{url}/{path}", body)[1])
                    assert raw_post(f"{url}/{path}", body)[1] == answers[-1]
    assert answers[:4] == answers[4:8]
    assert all(first != other for first, other in zip(answers[:4], answers[8:], strict=True))


def test_every_nth_request_is_refused(run_model_server: RunServer, model_requests: Callable[..., object]) -> None:
    """With both options, requests 2 and 4 get status 429 with Retry-After, request 3 status 500, the others 200."""
    body = json.dumps({"model": "gpt-5.2", "messages": HELLO}).encode()
    with run_model_server("--every-429", "2", "--every-500", "3") as url:
        answers = [raw_post(f"{url}/chat/completions", body) for _ in range(5)]
        assert model_requests(url) == {"all": 5, "200": 2, "429": 2, "500": 1}
        with client(url) as api, pytest.raises(openai.RateLimitError):
            api.chat.completions.create(model="gpt-5.2", messages=HELLO)
    assert [status for status, _, _ in answers] == [200, 429, 500, 429, 200]
    assert [retry_after for _, _, retry_after in answers] == [None, "1", None, "1", None]
    assert json.loads(answers[1][1])["error"]["code"] == "rate_limit_exceeded"
    assert json.loads(answers[2][1])["error"]["type"] == "server_error"


def test_every_nth_answer_is_cut_off(run_model_server: RunServer, model_requests: Callable[..., object]) -> None:
    """Every second answer ends in the middle, streamed or not, and the client raises an error."""
    with run_model_server("--every-cut", "2") as url, client(url) as api:
        complete = list(api.chat.completions.create(model="gpt-5.2", messages=HELLO, stream=True))
        received: list[ChatCompletionChunk] = []
        stream = api.chat.completions.create(model="gpt-5.2", messages=HELLO, stream=True)
        with pytest.raises(Exception, match=CUT):
            received.extend(stream)
        assert 0 < len(received) < len(complete)
        assert received == complete[: len(received)]
        assert api.chat.completions.create(model="gpt-5.2", messages=HELLO).choices
        with pytest.raises(Exception, match=CUT):
            api.chat.completions.create(model="gpt-5.2", messages=HELLO)
        assert model_requests(url) == {"all": 4, "200": 2, "cut": 2}


def test_latency_delays_every_answer(run_model_server: RunServer) -> None:
    """With 150 ms of latency no answer arrives sooner; without latency answers arrive much faster."""
    body = json.dumps({"model": "gpt-5.2", "messages": HELLO}).encode()
    seconds = []
    for latency in ("150", "0"):
        with run_model_server("--latency-ms", latency) as url:
            raw_post(f"{url}/chat/completions", body)
            begun = time.perf_counter()
            raw_post(f"{url}/chat/completions", body)
            seconds.append(time.perf_counter() - begun)
    assert seconds[0] >= 0.15
    assert seconds[1] < 0.1


def test_options_are_read_from_the_environment(run_model_server: RunServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable works like its option, and the option takes precedence."""
    monkeypatch.setenv("MEMEVAL_MODEL_SERVER_EVERY_500", "1")
    body = json.dumps({"model": "gpt-5.2", "messages": HELLO}).encode()
    with run_model_server() as url:
        assert raw_post(f"{url}/chat/completions", body)[0] == 500
    with run_model_server("--every-500", "0") as url:
        assert raw_post(f"{url}/chat/completions", body)[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("chat/completions", b"{", 400, None),
        ("chat/completions", b"[]", 400, "body"),
        ("chat/completions", b'{"model": "m"}', 400, "messages"),
        ("chat/completions", b'{"messages": [{"role": "user", "content": "x"}]}', 400, "model"),
        ("chat/completions", b'{"model": "m", "messages": [{"role": "king", "content": "x"}]}', 400, "messages.role"),
        ("responses", b'{"model": "m"}', 400, "input"),
        ("responses", b'{"model": "m", "input": "x", "previous_response_id": "r"}', 400, "previous_response_id"),
        ("nowhere", b"{}", 404, None),
        ("models", b"{}", 405, None),
    ],
)
def test_invalid_requests_get_openai_errors(model_url: str, path: str, body: bytes, status: int, param: str | None) -> None:
    """An invalid request is refused in OpenAI's form, with the name of the invalid part."""
    answered, text, _ = raw_post(f"{model_url}/{path}", body)
    error = json.loads(text)["error"]
    assert (answered, error["param"], error["type"]) == (status, param, "invalid_request_error")
    assert error["message"]


def test_port_in_use_is_reported_in_one_line(model_url: str) -> None:
    """If the port is in use, the server ends with status 2 and one line with the remedy."""
    port = model_url.split(":")[2].split("/")[0]
    command = [sys.executable, "-m", "scenarios.model_server", "--port", port]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=20)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert f"127.0.0.1:{port}" in ended.stderr


def test_server_listens_on_loopback_only(model_url: str) -> None:
    """The port is open on 127.0.0.1 and on no other loopback address, so it is not bound to all addresses."""
    port = int(model_url.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", port), timeout=5)
