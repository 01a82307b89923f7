"""The tasks, and how the application finds the broker: by `BROKER`, with queues of `QUEUE_TYPE`."""

import os
import time

from celery import Celery
from kombu import Exchange, Queue

app = Celery("tasks", broker=os.environ["BROKER"], backend="rpc://")
app.conf.update(
    broker_transport_options={"confirm_publish": True},
    result_expires=60,
    task_acks_late=True,
    task_default_delivery_mode="persistent",
    worker_cancel_long_running_tasks_on_connection_loss=True,
    worker_prefetch_multiplier=1,
)
if os.environ.get("QUEUE_TYPE") == "quorum":
    # Delayed tasks then wait in the broker, in queues that let them expire from one to the next.
    app.conf.update(
        task_default_queue="quorum",
        task_queues=[
            Queue(
                "quorum",
                Exchange("quorum", "topic"),
                routing_key="quorum",
                queue_arguments={"x-queue-type": "quorum"},
            )
        ],
        task_default_exchange="quorum",
        task_default_exchange_type="topic",
        task_default_routing_key="quorum",
    )


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=3)
def second_time_lucky(self):
    if self.request.retries == 0:
        raise self.retry(countdown=1)
    return self.request.retries


@app.task
def fail(text):
    raise ValueError(text)


@app.task
def moment():
    return time.time()


@app.task
def echo(payload):
    return payload
