"""Applications that are instrumented and no longer: a set kept each of them."""

from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor


def run() -> None:
    """One application, as a test makes it."""
    app = FastAPI()
    FastAPIInstrumentor.instrument_app(app)
    FastAPIInstrumentor.uninstrument_app(app)
