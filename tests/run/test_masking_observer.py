"""Everything that a run reports passes one observer that masks secrets, and a result is masked in every field."""

from __future__ import annotations

import msgspec

from otel_memeval.records import Eval, Failure, GenAi, Iteration, Limits, Result
from otel_memeval.redact import MASK, Masker
from otel_memeval.run.locations import SiteChange
from otel_memeval.run.masking_observer import MaskingObserver
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Plan

SECRET = "hunter2hunter2"
MASKER = Masker((SECRET,))


def with_secrets(annotation: msgspec.inspect.Type) -> object:
    """Return a value of a type, with the secret in every text."""
    match annotation:
        case msgspec.inspect.StrType():
            return f"a {SECRET}"
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            return 1
        case msgspec.inspect.BoolType():
            return True
        case msgspec.inspect.LiteralType():
            return annotation.values[0]
        case msgspec.inspect.UnionType():
            return with_secrets(next(kind for kind in annotation.types if not isinstance(kind, msgspec.inspect.NoneType)))
        case msgspec.inspect.ListType():
            return [with_secrets(annotation.item_type)]
        case msgspec.inspect.DictType():
            return {with_secrets(annotation.key_type): with_secrets(annotation.value_type)}
        case msgspec.inspect.StructType():
            return annotation.cls(**{field.name: with_secrets(field.type) for field in annotation.fields})
    raise AssertionError(annotation)


def test_every_text_of_a_result_is_masked() -> None:
    """No field of any record keeps a secret; words of a fixed set, numbers and the shape stay as they are."""
    result = with_secrets(msgspec.inspect.type_info(Result))
    assert isinstance(result, Result)
    masked = msgspec.json.encode(MASKER.record(result))
    assert SECRET.encode() not in masked
    assert masked == msgspec.json.encode(result).replace(SECRET.encode(), MASK.encode())
    assert msgspec.json.decode(masked, type=Result).verdict.state == result.verdict.state


def test_word_of_a_fixed_set_stays_although_it_is_a_secret() -> None:
    """A password "measured" must not make the phase of an iteration unreadable."""
    iteration = Iteration(index=1, phase="measured", started_at="", duration_seconds=1, status="ok")
    assert Masker(("measured",)).record(iteration) == iteration


class Recorder(Observer):
    """Keeps the arguments of each call."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def on_set_up(self, description: str, plan: Plan) -> None:
        """Keep the arguments."""
        self.calls.append((description, plan))

    def on_iteration(self, iteration: Iteration, changes: list[SiteChange], total: int) -> None:
        """Keep the arguments."""
        self.calls.append((iteration, [change.file for change in changes], total))

    def on_extension(self, total: int, reason: str) -> None:
        """Keep the arguments."""
        self.calls.append((total, reason))

    def on_note(self, note: str) -> None:
        """Keep the argument."""
        self.calls.append(note)

    def on_output(self, output: str) -> None:
        """Keep the argument."""
        self.calls.append(output)


def test_observer_gets_no_secret() -> None:
    """Names, errors, files, reasons, notes and output are masked; the file that is read for its source is not changed."""
    text = f"a {SECRET}"
    recorder = Recorder()
    observer = MaskingObserver(recorder, MASKER)
    eval_ = Eval(name=text, iterations=1, warmup=0, limits=Limits(), agent_id=text, model_id=text)
    observer.on_set_up(text, Plan(eval=eval_, most_iterations=1, top=1, debug=False, show_progress=False))
    iteration = Iteration(
        index=1,
        phase="warmup",
        started_at="",
        duration_seconds=1,
        status="error",
        error=Failure(type=text, message=text),
        gen_ai=GenAi(model_calls=1, tool_calls=1, input_tokens=None, output_tokens=None, spans=1),
    )
    change = SiteChange(file=text, line=1, grown_bytes=1, grown_blocks=1, source=text)
    observer.on_iteration(iteration, [change], 1)
    observer.on_extension(2, text)
    observer.on_note(text)
    observer.on_output(text)
    assert len(recorder.calls) == 5
    assert SECRET not in repr(recorder.calls)
    assert repr(recorder.calls).count(MASK) == 10
    assert change.source == text
