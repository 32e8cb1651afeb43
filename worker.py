"""The back door: an RQ worker for one line, `python worker.py channel`.

The application is built before the fork, so a nudge costs a fork and not an import. The work-horse gives the parent's
database connections up first: a connection must never be shared over a fork.
"""

import gc
import sys

from flask import Flask
from rq import Worker
from rq.job import Job
from rq.queue import Queue

from app import create_app
from app.config import load
from app.runtime import log, queue
from app.runtime.db import db
from app.withdrawals import service as withdrawals


class HouseWorker(Worker):
    """Runs each nudge inside the application."""

    house: Flask

    def perform_job(self, job: Job, queue: Queue) -> bool:
        with self.house.app_context():
            db.engine.dispose(close=False)
            return super().perform_job(job, queue)


def work(line: queue.Line) -> None:
    """Work until asked to stop; what is under way is finished first."""
    log.set_up()
    app = create_app(load())
    if line == queue.Line.CHANNEL:  # before the first send: is this the database that sent last, and does it add up?
        with app.app_context():
            withdrawals.guard.at_start()
            db.session.remove()
    redis = app.extensions["redis.rq"]
    worker = HouseWorker(
        [Queue(line, connection=redis, serializer="json")],
        connection=redis,
        serializer="json",
        log_job_description=False,
        worker_ttl=60,
    )
    worker.house = app
    gc.collect()
    gc.freeze()  # a work-horse does not go through what was built before the fork, nor copy it
    worker.work(with_scheduler=False, logging_level="WARNING")


if __name__ == "__main__":
    work(queue.Line(sys.argv[1]))
