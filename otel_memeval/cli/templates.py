"""Beginnings of a scenario for the frameworks that ``otel-memeval init`` knows."""

from __future__ import annotations

import re
import textwrap
from typing import NamedTuple


class Template(NamedTuple):
    """The lines that differ from framework to framework."""

    package: str
    """The distribution whose installation says that the framework is used."""
    imports: str
    """Lines of the module, after which ``MODEL`` and ``QUESTION`` are defined."""
    setup: str
    """Lines that make ``AGENT``."""
    run: str
    """Lines of one iteration, in an async function."""
    remark: str = ""
    """What a user has to know about the framework; one sentence or several."""


_TEXT = '''\
"""{title}{remark}"""

{imports}

{constants}def setup():
    """Make the agent; this is not part of an iteration."""
    global {names}
{setup}


async def run():
    """Call the agent once, and read its answer to the end."""
{run}


agent = PerformanceEval(func=run, setup=setup, name="Agent", num_iterations=10, warmup_runs=2)
'''

TEMPLATES: dict[str, Template] = {
    "agno": Template(
        package="agno",
        imports="from agno.agent import Agent\nfrom agno.models.openai import OpenAIChat",
        setup="AGENT = Agent(model=OpenAIChat(id=MODEL), telemetry=False)",
        run="async for _ in AGENT.arun(QUESTION, stream=True):\n    pass",
        remark="With telemetry=True each run also sends data to agno.",
    ),
    "langgraph": Template(
        package="langgraph",
        imports="from langchain.agents import create_agent\nfrom langchain_openai import ChatOpenAI",
        setup="AGENT = create_agent(ChatOpenAI(model=MODEL), [])",
        run='async for _ in AGENT.astream({"messages": [("user", QUESTION)]}):\n    pass',
        remark="An InMemorySaver as checkpointer keeps every checkpoint: use the one of production.",
    ),
    "pydantic-ai": Template(
        package="pydantic-ai-slim",
        imports="from pydantic_ai import Agent",
        setup='AGENT = Agent(f"openai-chat:{MODEL}")',
        run="await AGENT.run(QUESTION)",
    ),
    "openai-agents": Template(
        package="openai-agents",
        imports="from agents import Agent, Runner, set_tracing_disabled",
        setup='set_tracing_disabled(True)\nAGENT = Agent(name="Assistant", model=MODEL)',
        run="async for _ in Runner.run_streamed(AGENT, QUESTION).stream_events():\n    pass",
        remark="Without set_tracing_disabled the SDK sends its own traces to the model's service.",
    ),
    "crewai": Template(
        package="crewai",
        imports='import os\n\nos.environ["CREWAI_DISABLE_TELEMETRY"] = "true"\n'
        "from crewai import LLM, Agent, Crew, Task  # noqa: E402",
        setup="""\
agent = Agent(role="Assistant", goal="Answer questions", backstory="Answers briefly.", llm=LLM(model=f"openai/{MODEL}"))
AGENT = Crew(agents=[agent], tasks=[Task(description="{question}", expected_output="an answer", agent=agent)])""",
        run='await AGENT.kickoff_async(inputs={"question": QUESTION})',
        remark="CREWAI_DISABLE_TELEMETRY has to be set before the import.",
    ),
    "llama-index": Template(
        package="llama-index-core",
        imports="from llama_index.core.agent.workflow import FunctionAgent\nfrom llama_index.llms.openai import OpenAI",
        setup="AGENT = FunctionAgent(llm=OpenAI(model=MODEL), tools=[])",
        run="answer = AGENT.run(user_msg=QUESTION)\nasync for _ in answer.stream_events():\n    pass\nawait answer",
    ),
    "strands": Template(
        package="strands-agents",
        imports="from strands import Agent\nfrom strands.models.openai import OpenAIModel",
        setup="MODEL_CLIENT = OpenAIModel(model_id=MODEL)",
        run="""\
agent = Agent(model=MODEL_CLIENT, callback_handler=None)
async for _ in agent.stream_async(QUESTION):
    pass""",
        remark="An agent keeps its conversation, so this one is made in each iteration.",
    ),
    "agent-framework": Template(
        package="agent-framework-core",
        imports="from agent_framework import Agent\nfrom agent_framework.openai import OpenAIChatCompletionClient",
        setup='AGENT = Agent(OpenAIChatCompletionClient(MODEL), "Answer briefly.", name="assistant")',
        run="async for _ in AGENT.run(QUESTION, stream=True):\n    pass",
    ),
    "autogen": Template(
        package="autogen-agentchat",
        imports="from autogen_agentchat.agents import AssistantAgent\n"
        "from autogen_ext.models.openai import OpenAIChatCompletionClient",
        setup="CLIENT = OpenAIChatCompletionClient(model=MODEL)",
        run="""\
agent = AssistantAgent("assistant", CLIENT)
async for _ in agent.run_stream(task=QUESTION):
    pass""",
        remark="An agent keeps its conversation, so this one is made in each iteration.",
    ),
    "openai": Template(
        package="openai",
        imports="from openai import AsyncOpenAI",
        setup="CLIENT = AsyncOpenAI()",
        run="""\
stream = await CLIENT.chat.completions.create(
    model=MODEL, messages=[{"role": "user", "content": QUESTION}], stream=True
)
async for _ in stream:
    pass""",
    ),
    "none": Template(
        package="",
        imports="",
        setup="AGENT = None  # make the agent here: this is not part of an iteration",
        run='raise NotImplementedError("call the agent once, and read its answer to the end")',
    ),
}
"""Templates by name, in the order in which they are looked for: most frameworks install ``openai`` too."""


def imported_packages(name: str) -> set[str]:
    """Return the packages that the scenario for this framework imports."""
    return {"otel_memeval", *re.findall(r"^(?:from|import) (\w+)", TEMPLATES[name].imports, re.MULTILINE)}


def scenario_text(name: str) -> str:
    """Return the text of a scenario for the framework with this name. Raises ``KeyError`` if there is none."""
    template = TEMPLATES[name]
    names = ", ".join(line.split(" = ")[0] for line in template.setup.splitlines() if line.split(" = ")[0].isupper())
    subject = "an agent" if name == "none" else f"an agent on {name}"
    imports = "\n".join(filter(None, (template.imports, "from otel_memeval import PerformanceEval")))
    constants = "" if name == "none" else 'MODEL = "gpt-5-mini"\nQUESTION = "What is the weather in Paris?"\n\n\n'
    return _TEXT.format(
        title=f"Measure whether {subject} keeps memory from one call to the next.",
        remark=f"\n\n{template.remark}\n" if template.remark else "",
        imports=imports,
        constants=constants or "\n",
        names=names,
        setup=textwrap.indent(template.setup, "    "),
        run=textwrap.indent(template.run, "    "),
    )
