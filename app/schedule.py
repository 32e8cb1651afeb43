"""Periodic work as data. The clock puts what is due on the list of jobs; workers do it."""

from app.runtime.jobs import Every
from app.runtime.queue import Line
from app.withdrawals.states import EXAMINE, LOOK_AT_WORK

EVERY = (
    Every("app.channels.jobs.pull_all", every_s=30),
    Every("app.channels.jobs.pull_missed", every_s=600),
    Every("app.channels.jobs.count_calls", every_s=15),
    Every("app.channels.jobs.judge_health", every_s=30),
    Every("app.channels.jobs.look_at_figures", every_s=60),
    Every("app.channels.jobs.end_lapsed", every_s=15),
    Every("app.statements.jobs.pull_due", every_s=600),
    Every("app.withdrawals.jobs.look_at_unknown", every_s=60),
    Every(LOOK_AT_WORK, every_s=60),
    Every("app.withdrawals.jobs.look_at_stops", every_s=60),
    Every("app.live.jobs.look_at_jobs", every_s=60),
    Every("app.withdrawals.jobs.look_at_journal", every_s=60),
    Every(EXAMINE, every_s=6 * 3600, line=Line.SHEETS),
    Every("app.withdrawals.jobs.forget_old_journal", every_s=24 * 3600),
    Every("app.auth.jobs.forget_old_tries", every_s=3600),
    Every("app.cards.jobs.erase_old_uploads", every_s=3600),
    Every("app.exports.jobs.erase_old", every_s=3600),
    Every("app.withdrawals.jobs.count_settled", every_s=60),
    Every("app.withdrawals.jobs.erase_old_sheets", every_s=3600),
    Every("app.live.jobs.drop_old", every_s=24 * 3600, line=Line.SHEETS),
)
