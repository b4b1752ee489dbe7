"""The agent of a support desk, with a leak that the tutorial in ``docs/tutorial.md`` finds."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

from otel_memeval import PerformanceEval

TICKETS = itertools.count(1)


async def model(messages: list[str]) -> AsyncIterator[str]:
    """Answer word by word, as a model does, without a network."""
    for word in f"Thank you for message {len(messages)}. We will look at it today.".split():
        await asyncio.sleep(0.001)
        yield word


class SupportAgent:
    """Answers tickets, and remembers the conversation of each."""

    def __init__(self) -> None:
        self.conversations: dict[int, list[str]] = {}

    async def answer(self, ticket: int, message: str) -> str:
        """Add a message to the conversation of a ticket, and return the model's answer."""
        conversation = self.conversations.setdefault(ticket, [])
        conversation.append(message)
        words = [word async for word in model(conversation)]
        conversation.append(" ".join(words))
        return conversation[-1]


AGENT = SupportAgent()


async def handle_ticket() -> None:
    """Do one iteration: a customer writes twice, then the ticket is closed."""
    ticket = next(TICKETS)
    await AGENT.answer(ticket, f"Ticket {ticket}: my invoice is wrong. " + "Details follow. " * 100)
    await AGENT.answer(ticket, "Any news?")


support_desk = PerformanceEval(func=handle_ticket, name="Support desk", num_iterations=10, warmup_runs=2)
