"""The result, its JSON and its published schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import jsonschema
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_memeval import records, telemetry, verdicts
from otel_memeval.cli.measure import measure_command
from otel_memeval.records import Result, from_json, json_schema, to_json

SCHEMA_FILE = Path(records.__file__).parent.parent / "result.schema.json"
FEW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@FEW
@given(data=st.data())
def test_any_result_survives_its_json(data: st.DataObject, any_result: st.SearchStrategy[Result]) -> None:
    """What was written is read back equal, whatever the texts and numbers."""
    results = data.draw(st.lists(any_result, max_size=2))
    assert from_json(to_json(results)) == results


@FEW
@given(data=st.data())
def test_any_result_is_valid_by_the_published_schema(data: st.DataObject, any_result: st.SearchStrategy[Result]) -> None:
    """A program that checks our file against the schema in the package never finds it wrong."""
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    validator.validate(json.loads(to_json([data.draw(any_result)])))


def test_the_schema_refuses_what_is_no_result(make_result: Callable[..., Result]) -> None:
    """A missing part, a state that does not exist and a size as text are errors by the schema."""
    validator = jsonschema.Draft202012Validator(json_schema())
    complete = json.loads(to_json([make_result()]))
    assert validator.is_valid(complete)
    (run,) = complete["runs"]
    without = {part: content for part, content in run.items() if part != "verdict"}
    for spoilt in (
        without,
        {**run, "verdict": {**run["verdict"], "state": "fine"}},
        {**run, "iterations": [{**run["iterations"][0], "retained_bytes": "1 KiB"}]},
    ):
        assert not validator.is_valid({**complete, "runs": [spoilt]})


def test_the_published_schema_is_the_codes() -> None:
    """The file in the package is what the records say now."""
    renew = "python -m otel_memeval schema > otel_memeval/result.schema.json"
    assert SCHEMA_FILE.read_text(encoding="utf-8") == json.dumps(json_schema(), indent=2) + "\n", f"renew it: {renew}"


def test_the_file_is_readable_and_says_its_version(make_result: Callable[..., Result]) -> None:
    """Schema number first, then the runs; indented, ended by a newline."""
    text = to_json([make_result()]).decode("utf-8")
    assert text.startswith('{\n  "schema": 1,\n  "runs": [')
    assert text.endswith("}\n")
    assert set(json.loads(text)) == {"schema", "runs"}


def test_half_a_character_does_not_lose_the_result(make_result: Callable[..., Result]) -> None:
    """A path or name that is not UTF-8 is written with a question mark, and everything else as it is."""
    result = make_result()
    odd = msgspec.structs.replace(result, eval=msgspec.structs.replace(result.eval, name="caf\udce9 木"))
    read = from_json(to_json([odd]))[0]
    assert read == msgspec.structs.replace(odd, eval=msgspec.structs.replace(odd.eval, name="caf? 木"))


def test_a_file_that_is_no_result_is_refused_with_the_place() -> None:
    """Reading says where a file is wrong."""
    with pytest.raises(msgspec.ValidationError, match=r"\$\.runs\[0\]"):
        from_json(b'{"schema": 1, "runs": [{}]}')


def test_results_cannot_be_changed(make_result: Callable[..., Result]) -> None:
    """Records are frozen: an exporter cannot alter what the next one reports."""
    with pytest.raises(AttributeError):
        make_result().verdict.state = "stable"  # type: ignore[misc]


def test_every_state_has_properties_and_a_rank() -> None:
    """The type, the table of properties and the worst-first order name the same states."""
    assert get_args(verdicts.State) == verdicts.STATES
    assert sorted(verdicts.STATES_WORST_FIRST) == sorted(verdicts.STATES)


def test_fail_on_defaults_to_the_failing_states() -> None:
    """``--fail-on`` without a value fails the states that the table marks, and no others."""
    assert verdicts.FAILING_STATES == ("leaking", "native-leak", "idle", "failed")
    defaults = {parameter.name: parameter.default for parameter in measure_command.params}
    assert defaults["fail_on"] == ",".join(verdicts.FAILING_STATES)


def test_resources_have_the_same_names_everywhere() -> None:
    """The record, the words and the attributes of spans name the same resources."""
    fields = set(records.Resources.__struct_fields__) - {"child_memory_bytes"}
    assert fields == set(records.WORDS) == set(telemetry.RESOURCES_PER_ITERATION)
