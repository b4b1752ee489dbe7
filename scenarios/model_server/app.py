"""Answer HTTP requests: routes, errors in OpenAI's form, streams, counters."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from scenarios.model_server import chat, responses
from scenarios.model_server.behaviour import Reply, decide
from scenarios.model_server.faults import Faults
from scenarios.model_server.wire import BadRequestError, Conversation, JsonObject, canonical, parse_body

CHAT_PATH = "/v1/chat/completions"
RESPONSES_PATH = "/v1/responses"
MODELS = ("gpt-5.2", "gpt-5.2-mini")
Render: TypeAlias = "Callable[[Conversation, Reply, str], JsonObject]"
Stream: TypeAlias = "Callable[[Conversation, Reply, str], Iterable[JsonObject]]"


class ModelServer:
    """The server with its settings and its counters; it keeps no other state."""

    def __init__(self, *, seed: int = 0, faults: Faults | None = None) -> None:
        self._seed = seed
        self._faults = faults or Faults()
        self._requests = 0
        self._by_path: Counter[str] = Counter()
        self._by_status: Counter[str] = Counter()

    def app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route(CHAT_PATH, self._chat, methods=["POST"]),
                Route(RESPONSES_PATH, self._responses, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/stats", self._stats),
            ],
            exception_handlers={HTTPException: _http_error, BadRequestError: _bad_request},
        )

    async def _chat(self, request: Request) -> Response:
        return await self._counted(request, chat.read_request, chat.answer, chat.chunks)

    async def _responses(self, request: Request) -> Response:
        return await self._counted(request, responses.read_request, responses.answer, responses.events)

    async def _models(self, _: Request) -> Response:
        models = [{"id": name, "object": "model", "created": chat.CREATED, "owned_by": "memeval"} for name in MODELS]
        return JSONResponse({"object": "list", "data": models})

    async def _stats(self, _: Request) -> Response:
        """Return the number of model requests: all, by path, and by status (``cut``: the answer was cut off)."""
        by = {"by_path": dict(self._by_path), "by_status": dict(self._by_status)}
        return JSONResponse({"requests": self._requests, **by})

    async def _counted(
        self, request: Request, read: Callable[[JsonObject], Conversation], render: Render, stream: Stream
    ) -> Response:
        self._requests += 1
        self._by_path[request.url.path] += 1
        fault = self._faults.of_request(self._requests)
        if self._faults.latency_ms:
            await asyncio.sleep(self._faults.latency_ms / 1000)
        if fault == "429":
            self._by_status["429"] += 1
            message = "Rate limit reached: this server is configured to refuse every n-th request (--every-429)."
            return _error(429, message, "requests", code="rate_limit_exceeded", headers={"Retry-After": "1"})
        if fault == "500":
            self._by_status["500"] += 1
            return _error(500, "This server is configured to fail every n-th request (--every-500).", "server_error")
        try:
            body = parse_body(await request.body())
            conversation = read(body)
        except BadRequestError:
            self._by_status["400"] += 1
            raise
        self._by_status["cut" if fault else "200"] += 1
        reply = decide(conversation, self._seed)
        key = f"{self._seed}{request.url.path}{canonical(body)}"
        if conversation.stream:
            named = request.url.path == RESPONSES_PATH
            pieces = [_server_sent(event, named=named) for event in stream(conversation, reply, key)]
            if not named:
                pieces.append("data: [DONE]\n\n")
            return _EventStream(pieces, cut=fault == "cut", media_type="text/event-stream")
        if fault == "cut":
            text = json.dumps(render(conversation, reply, key))
            return _EventStream([text[: len(text) // 2], ""], cut=True, media_type="application/json")
        return JSONResponse(render(conversation, reply, key))


class _EventStream(Response):
    """An answer in pieces, each sent separately. With ``cut`` only half of them are sent, without an end, so that the web
    server closes the connection in the middle of the answer.
    """

    def __init__(self, pieces: Sequence[str], *, cut: bool, media_type: str) -> None:
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        self._pieces = pieces[: len(pieces) // 2] if cut else pieces
        self._cut = cut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece.encode(), "more_body": True})
            # Yields to the event loop, so that the client receives a stream and not one block.
            await asyncio.sleep(0)
        if not self._cut:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _server_sent(event: JsonObject, *, named: bool) -> str:
    """Return an event as text; the responses API names its events, the chat completions API does not."""
    name = f"event: {event['type']}\n" if named else ""
    return f"{name}data: {json.dumps(event, ensure_ascii=False)}\n\n"


def _error(
    status: int,
    message: str,
    kind: str,
    *,
    param: str | None = None,
    code: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return JSONResponse(body, status_code=status, headers=headers)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"Invalid URL ({request.method} {request.url.path}): {error.detail}"
    return _error(error.status_code, message, "invalid_request_error")


async def _bad_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, BadRequestError)
    return _error(400, str(error), "invalid_request_error", param=error.param)
