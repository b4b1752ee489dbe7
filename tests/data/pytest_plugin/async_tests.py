"""Async tests that the tests of the pytest plugin measure."""

import asyncio

import pytest
import pytest_asyncio

KEPT = []
LOOPS = set()


@pytest_asyncio.fixture
async def loop_of_fixture():
    yield id(asyncio.get_running_loop())


@pytest.mark.asyncio
@pytest.mark.memeval(iterations=12)
async def test_asyncio_leaks(loop_of_fixture):
    assert id(asyncio.get_running_loop()) == loop_of_fixture
    await asyncio.sleep(0)
    KEPT.append(bytearray(30_000))


@pytest.mark.asyncio
@pytest.mark.memeval(warmup=0, iterations=6)
async def test_asyncio_raises():
    await asyncio.sleep(0)
    raise LookupError("of the test")


@pytest.mark.asyncio
async def test_asyncio_fixture(memeval):
    async def work():
        await asyncio.sleep(0.001)

    assert len((await memeval.arun(work, iterations=3, warmup=0)).iterations) == 3
    await memeval.acheck(work, iterations=4)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
@pytest.mark.memeval(iterations=6)
async def test_anyio_clean():
    await asyncio.sleep(0.001)


@pytest.mark.memeval(iterations=4)
def test_sync_after_async():
    sorted(range(100))


@pytest.mark.asyncio
async def test_loop_after_sync(loop_of_fixture):
    await asyncio.sleep(0)
