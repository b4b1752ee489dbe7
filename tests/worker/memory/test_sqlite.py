"""Memory of SQLite and the limit of its page caches."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from otel_memeval.worker.memory import sqlite

PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
from otel_memeval.worker.memory.sqlite import SqliteReader, page_cache_limit
reader = SqliteReader()
answers = [reader.used_bytes(), page_cache_limit()]
import sqlite3
first = sqlite3.connect(sys.argv[2])
first.execute("create table messages (body blob)")
answers.append(page_cache_limit())
first.row_factory = lambda cursor, row: {"row": row}
first.execute("PRAGMA cache_size = 100")
answers.append(page_cache_limit())
before = reader.used_bytes()
first.executemany("insert into messages values (?)", [(b"x" * 3600,)] * 50)
answers.append((reader.used_bytes() or 0) - (before or 0))
import threading
others = []
thread = threading.Thread(target=lambda: others.append(sqlite3.connect(sys.argv[2])))
thread.start()
thread.join()
answers.append(page_cache_limit())
closed = sqlite3.connect(sys.argv[2])
closed.close()
answers.append(page_cache_limit())
second = sqlite3.connect(":memory:")
answers.append(page_cache_limit())
print(json.dumps(answers))
"""


@pytest.mark.process
def test_page_caches_are_read_with_their_limit(tmp_path: Path) -> None:
    """Nothing is read before sqlite3 is imported; then the limit is cache_size, and none with a database in memory."""
    command = [sys.executable, "-c", PROGRAM, str(Path(sqlite.__file__).parents[3]), str(tmp_path / "file.db")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    used, unlimited, default, hundred_pages, grown, other_thread, closed, in_memory = json.loads(done.stdout)
    assert (used, unlimited, in_memory) == (None, None, None)
    assert default == 2000 * 1024
    assert hundred_pages == 100 * 4096
    assert other_thread == closed == hundred_pages + default
    assert grown > 30 * 4096  # 20 pages are made at once, before
