"""The back door: an RQ worker for one line, `python worker.py channel`.

The application is built before the fork, so a nudge costs a fork and not an import. The work-horse gives the parent's
database connections up first: a connection must never be shared over a fork.
"""

import sys

from rq import Worker
from rq.job import Job
from rq.queue import Queue

from app import create_app
from app.config import load
from app.runtime import log, queue
from app.runtime.db import db


class HouseWorker(Worker):
    """Runs each nudge inside the application."""

    def perform_job(self, job: Job, queue: Queue) -> bool:
        with app.app_context():
            db.engine.dispose(close=False)
            return super().perform_job(job, queue)


if __name__ == "__main__":
    log.set_up()
    line = queue.Line(sys.argv[1])
    app = create_app(load())
    HouseWorker(
        [Queue(line, connection=app.extensions["redis.rq"], serializer="json")],
        connection=app.extensions["redis.rq"],
        serializer="json",
        log_job_description=False,
        worker_ttl=60,
    ).work(with_scheduler=False, logging_level="WARNING")
