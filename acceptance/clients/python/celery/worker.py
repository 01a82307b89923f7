"""A real Celery worker: results, groups, chains, retries, countdowns and remote control.

worker.py URI [classic|quorum]
"""

import contextlib
import os
import pathlib
import subprocess
import sys
import time

QUEUE_TYPE = sys.argv[2] if len(sys.argv) > 2 else "classic"
os.environ.update(BROKER=sys.argv[1], QUEUE_TYPE=QUEUE_TYPE)

from celery import chain, group  # noqa: E402
from tasks import add, app, echo, fail, moment, second_time_lucky, total  # noqa: E402

PATIENCE_S = 60


@contextlib.contextmanager
def worker():
    """A worker process with two threads, until the block ends."""
    options = ["--pool=threads", "--concurrency=2", "--loglevel=INFO", "--hostname=w@test"]
    process = subprocess.Popen(
        [sys.executable, "-B", "-m", "celery", "-A", "tasks", "worker", *options],
        cwd=pathlib.Path(__file__).parent,
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not app.control.ping(timeout=0.5):
            assert process.poll() is None, "the worker ended"
            assert time.monotonic() < deadline, "the worker does not answer"
        yield
        process.terminate()
        assert process.wait(PATIENCE_S) == 0, "the worker did not end as asked"
    finally:
        process.kill()
        process.wait()


def equal(actual, expected):
    assert actual == expected, f"\nactual:   {actual!r:.500}\nexpected: {expected!r:.500}"


def get(result):
    return result.get(timeout=PATIENCE_S)


def results():
    equal(get(add.delay(2, 3)), 5)
    payload = {"text": "grüße 🚢", "nested": [None, True, {"big": "x" * 300_000}]}
    equal(get(echo.delay(payload)), payload)
    failed = fail.delay("on purpose")
    try:
        get(failed)
        raise AssertionError("not failed")
    except ValueError as raised:
        equal(str(raised), "on purpose")
    equal(failed.status, "FAILURE")


def canvas():
    equal(get(chain(add.s(1, 2), add.s(3), add.s(4))()), 10)
    equal(sorted(get(group(add.s(n, n) for n in range(50))())), [2 * n for n in range(50)])
    equal(get(chain(echo.s([1, 2, 3]), total.s())()), 6)


def retries_and_delays():
    equal(get(second_time_lucky.delay()), 1)
    before = time.time()
    # Longer ones first: each is told in its own time.
    late, early = moment.apply_async(countdown=3), moment.apply_async(countdown=1)
    assert before + 1 <= get(early) < get(late), "out of order"
    assert get(late) >= before + 3, "too early"


def remote_control():
    equal(app.control.ping(timeout=PATIENCE_S, limit=1), [{"w@test": {"ok": "pong"}}])
    registered = app.control.inspect(timeout=PATIENCE_S, limit=1).registered()["w@test"]
    assert "tasks.add" in registered, registered
    active = app.control.inspect(timeout=PATIENCE_S, limit=1).active_queues()["w@test"]
    equal([queue["name"] for queue in active], ["quorum" if QUEUE_TYPE == "quorum" else "celery"])


with worker():
    results()
    canvas()
    retries_and_delays()
    remote_control()
