"""Commands to the worker: the sender's table and the receiver's are one."""

from __future__ import annotations

import inspect
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval import wire
from otel_memeval.worker import serve
from tests.conftest import strategy_for

COMMANDS = get_args(wire.AnyCommand)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=12) | st.sampled_from(["", " ", "a b.py\n", "%41", "\udce9"])


@given(st.data())
@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.__name__)
def test_command_arrives_with_its_values(kind: type[msgspec.Struct], data: st.DataObject) -> None:
    """Every command is one line, from which the worker reads the method of the same name and the same values."""
    command = data.draw(strategy_for(kind, TEXTS))
    line = wire.encode_command(command)
    assert "\n" not in line
    method, arguments = serve.parse_command(line.encode("ascii").decode("utf-8"))
    assert method.__name__ == kind.__struct_config__.tag
    assert tuple(arguments) == msgspec.structs.astuple(command)


def test_receiver_has_every_command_of_sender_and_no_other() -> None:
    """Both tables have the same names, and the parameters of the harness are called like the fields of the command."""
    parameters = {name: list(inspect.signature(row[0]).parameters)[1:] for name, row in serve._COMMANDS.items()}
    assert parameters == {kind.__struct_config__.tag: list(kind.__struct_fields__) for kind in COMMANDS}


def test_command_is_readable() -> None:
    """A command's line is its name and plain words."""
    assert wire.encode_command(wire.LoadTarget(source="agents/my team.py", name="run")) == "load agents/my%20team.py run"
    assert wire.encode_command(wire.Iterate(phase="measured", first=6, count=5, keep_going=True)) == "iterate measured 6 5 1"
    sites = wire.AttributeCallers(frames=12, count=4, explain=False, sites=[(0, 7), (3, 10)], seconds=9.5)
    assert wire.encode_command(sites) == "attribute_callers 12 4 0 0:7,3:10 9.5"
    assert wire.encode_command(wire.Finish()) == "finish"
