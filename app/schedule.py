"""Periodic work as data. The clock puts what is due on the list of jobs; workers do it."""

from app.runtime.jobs import Every

EVERY = (
    Every("app.channels.jobs.pull_all", every_s=30),
    Every("app.channels.jobs.pull_missed", every_s=600),
    Every("app.auth.jobs.forget_old_tries", every_s=3600),
    Every("app.cards.jobs.erase_old_uploads", every_s=3600),
    Every("app.withdrawals.jobs.erase_old_sheets", every_s=3600),
)
