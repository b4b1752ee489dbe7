"""Structured outputs: each call of parse built a model class for its answer, which stayed alive."""

import httpx
from openai import OpenAI
from pydantic import create_model


def _respond(request: httpx.Request) -> httpx.Response:
    message = {"role": "assistant", "content": '{"city": "Paris"}', "refusal": None}
    return httpx.Response(
        200,
        json={
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        },
    )


CLIENT = OpenAI(
    api_key="none", base_url="http://localhost/v1", http_client=httpx.Client(transport=httpx.MockTransport(_respond))
)


def run() -> None:
    """Ask a question with a format of its own."""
    answer = create_model("Answer", city=(str, ...))
    completion = CLIENT.chat.completions.parse(
        model="m", messages=[{"role": "user", "content": "Where is the Louvre?"}], response_format=answer
    )
    assert completion.choices[0].message.parsed is not None
