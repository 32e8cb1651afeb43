"""The `paydesk` command. Run `paydesk --help`."""

import signal
import sys
import threading

import click
from sqlalchemy.exc import SQLAlchemyError

from app import create_app
from app.config import load
from app.kernel.errors import Refused
from app.runtime import jobs, log, migrations, queue
from app.schedule import EVERY

SWEEP_EVERY_S = 1.0


@click.group()
def main() -> None:
    """Paydesk 提现工作台."""


@main.command()
@click.option("--demo/--no-demo", default=True, help="with the sandbox, demo people and 30 days of history, or empty")
@click.option("--setup-only", is_flag=True, help="set up and stop")
def up(demo: bool, setup_only: bool) -> None:
    """Everything on this machine, with embedded parts. One Ctrl-C stops all."""
    from app.runtime.up import up as start

    sys.exit(start(demo=demo, setup_only=setup_only))


@main.command()
def migrate() -> None:
    """Bring the database up to date."""
    with create_app(load()).app_context():
        migrations.upgrade()


@main.command("write-migration")
@click.argument("message")
def write_migration(message: str) -> None:
    """For developers: a new migration from what the models say."""
    with create_app(load()).app_context():
        migrations.write(message)


@main.command()
def clock() -> None:
    """The clock: puts periodic work on the list and wakes workers for whatever is due. More than one is harmless."""
    log.set_up()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    app = create_app(load())
    while not stop.is_set():
        with app.app_context():
            try:
                jobs.put_due_ticks_on_the_list(EVERY)
                jobs.beat("clock")
            except SQLAlchemyError:  # the database is away: the clock goes on and tries again
                log.get("clock").exception("clock_missed_a_beat")
            jobs.sweep(tuple(queue.Line))
        stop.wait(SWEEP_EVERY_S)


@main.command()
def check() -> None:
    """Examine every promise about money. Prints what is broken and ends with 1, or says that nothing is."""
    from app import examine

    with create_app(load()).app_context():
        found = examine()
    for problem in found:
        click.echo(problem)
    click.echo(f"{len(found)} problems" if found else "0 problems: every promise about money holds")
    sys.exit(1 if found else 0)


@main.command("verify-audit")
def verify_audit() -> None:
    """Walk the chain of audit records and name the first bad one."""
    from app.auth import audit

    with create_app(load()).app_context():
        found = audit.verify()
    for problem in found:
        click.echo(problem)
    click.echo("the audit chain is whole" if not found else f"{len(found)} problems")
    sys.exit(1 if found else 0)


@main.command("seed-demo")
def seed_demo() -> None:
    """The demo: people, three channels on the sandbox, six accounts, history. Does nothing where there is data."""
    from app.demo import seed

    log.set_up()
    with create_app(load()).app_context():
        seed()


@main.command("first-link")
def first_link() -> None:
    """A one-time link for the first administrator, good for 15 minutes."""
    from app.auth import service

    config = load()
    with create_app(config).app_context():
        try:
            token = service.first_administrator_link()
        except Refused as refused:
            raise click.ClickException(str(refused)) from None
    click.echo(f"http://{config.host}:{config.port}/activate/{token}")


if __name__ == "__main__":
    main()
