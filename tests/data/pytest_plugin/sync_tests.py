"""Sync tests that the tests of the pytest plugin measure."""

import logging
import os
import unittest
import warnings

import pytest

KEPT = []
CALLS = []


os.environ.setdefault("FIRST_PROCESS", str(os.getpid()))


@pytest.fixture
def cache():
    CALLS.append("set up")
    yield {}
    CALLS.append("torn down")


@pytest.mark.memeval(max_growth="16KiB", iterations=12)
def test_leaks(cache):
    KEPT.append(bytearray(100_000))


@pytest.mark.memeval(iterations=8)
def test_records(cache):
    print("a line of output " * 20)
    logging.getLogger("agent").warning("a line of the log %s", "x" * 500)
    warnings.warn("an old name", DeprecationWarning, stacklevel=1)


@pytest.mark.memeval(warmup=2, iterations=5)
def test_raises(cache):
    cache["calls"] = cache.get("calls", 0) + 1
    print("call", cache["calls"])
    assert cache["calls"] < 5


@pytest.mark.memeval(iterations=5)
def test_skips():
    pytest.skip("not here")


@pytest.mark.memeval(iterations=3, warmup=0)
@pytest.mark.parametrize("count", [3, 5])
def test_parameter(count, tmp_path):
    (tmp_path / "file").write_text("x" * count)


class TestMethods:
    @pytest.mark.memeval(iterations=4)
    def test_method(self, cache):
        self.values = sorted(range(50))


class OldTest(unittest.TestCase):
    def setUp(self):
        self.calls = 0

    @pytest.mark.memeval(iterations=4, warmup=0)
    def test_unittest(self):
        self.calls += 1

    def tearDown(self):
        assert self.calls == 4


def test_fixture_of_a_part(memeval):
    result = memeval(lambda: KEPT.append(bytearray(9_000)), iterations=3, warmup=0)
    assert len(result.iterations) == 3
    assert memeval.check(lambda: sorted(range(1000)), iterations=4, warmup=1).verdict.state == "stable"
    with pytest.raises(ZeroDivisionError):
        memeval(lambda: 1 / 0, warmup=0)


def test_fixture_fails_the_test(memeval):
    memeval.check(lambda: KEPT.append(bytearray(9_000)), iterations=8)


@pytest.mark.memeval
def test_both(memeval):
    memeval(print)


@pytest.mark.memeval(iteration=3)
def test_unknown_argument():
    raise AssertionError("called")


@pytest.mark.memeval(fail_on="leakin")
def test_unknown_verdict():
    raise AssertionError("called")


@pytest.fixture(scope="module")
def process():
    return os.getpid()


@pytest.mark.memeval(in_process=False, iterations=8)
@pytest.mark.parametrize("size", [3000, 0])
def test_own_process(process, size):
    assert process == os.getpid() != int(os.environ["FIRST_PROCESS"])
    KEPT.extend([bytearray(size)] if size else [])


@pytest.mark.memeval(in_process=False)
def test_own_process_ends():
    print("last words", flush=True)
    os._exit(3)


def test_fixtures_are_set_up_once(process):
    assert str(process) == os.environ["FIRST_PROCESS"]
    assert CALLS == ["set up", "torn down"] * 4
