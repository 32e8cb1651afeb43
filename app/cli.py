"""The `paydesk` command. Run `paydesk --help`."""

import re
import signal
import sys
import threading

import click
from sqlalchemy.exc import SQLAlchemyError

from app import create_app
from app.config import load
from app.kernel.errors import NotThere, Refused
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


@main.command("restore-check")
def restore_check() -> None:
    """After a database was restored from a backup: what was sent since then, and has its channel answered for it?

    Compares the send journal with the database. Ends with 1 while sending is stopped for it; workers enter what is missing
    and ask the channels, page 发送控制 shows each one.
    """
    from app.withdrawals import queries
    from app.withdrawals import service as withdrawals

    with create_app(load()).app_context():
        found = withdrawals.restoring.look()
        lost, left = queries.lost_sends(limit=None), queries.uncleared()
        for send in lost:
            entered = "entered, not answered" if send.entered_at else "not entered"
            trouble = queries.trouble_of(send) or ""
            click.echo(f"{send.number} of {send.account}, sent {send.sent_at:%Y-%m-%d %H:%M:%S}Z: {entered} {trouble}")
    if found or left:
        click.echo(f"{max(found, left)} sends after the backup are not answered for: nothing is sent until they are")
    else:
        click.echo("the database knows every send in the journal")
    sys.exit(1 if found or left else 0)


@main.command("verify-audit")
@click.option("--head", default="", help="SEQ:HASH as `paydesk audit-head` printed it: must still be in the chain")
def verify_audit(head: str) -> None:
    """Walk the chain of audit records and name the first bad one.

    Whoever has the database and the keys can cut off the end of the chain, but not what was written down elsewhere
    before: give it with --head.
    """
    from app.auth import audit

    seq, _, mac = head.strip().partition(":")
    if head and not (seq.isascii() and seq.isdigit() and re.fullmatch("[0-9a-f]{64}", mac)):
        raise click.UsageError("--head wants SEQ:HASH, as `paydesk audit-head` prints it")
    with create_app(load()).app_context():
        found = audit.verify((int(seq), mac) if head else None)
    for problem in found:
        click.echo(problem)
    click.echo("the audit chain is whole" if not found else f"{len(found)} problems")
    sys.exit(1 if found else 0)


@main.command("audit-head")
def audit_head() -> None:
    """The end of the chain of audit records, SEQ:HASH: kept outside this machine, it proves later that nothing was cut off."""
    from app.auth import audit

    with create_app(load()).app_context():
        seq, mac = audit.head()
    if not seq:
        raise click.ClickException("there is no record yet")
    click.echo(f"{seq}:{mac}")


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


@main.command("create-operator")
@click.argument("username")
@click.option("--name", required=True, help="the person's name, as pages show it")
@click.option("--role", required=True, help="the code of a role: administrator, supervisor, operator, finance, …")
def create_operator(username: str, name: str, role: str) -> None:
    """A new person, also the first administrator: prints the one-time link by which they choose their password, good for
    15 minutes. For a house whose administrators are all gone, too.
    """
    from app.auth import service

    config = load()
    with create_app(config).app_context():
        try:
            token = service.invite(username=username, display_name=name, role=role, actor="command line")
        except Refused as refused:
            raise click.ClickException(str(refused)) from None
    click.echo(f"http://{config.host}:{config.port}/activate/{token}")


@main.command("rotate-field-keys")
def rotate_field_keys() -> None:
    """Seal everything anew with the first key of PAYDESK_FIELD_KEYS; older keys can be dropped afterwards.

    \b
    1. Make a key:  k2:$(openssl rand -base64 32)
    2. Put it last (k1:…,k2:…) and restart everything: all processes can open it.
    3. Put it first (k2:…,k1:…) and restart everything: it seals from now on.
       A console of one machine (./run) is stopped anyway: keys.json at once as in 3.
    4. Run this, beside the console. Killed at any moment: run it again, it goes on.
    5. When it says that nothing is left, take k1 out and restart. Backups from
       before need k1: keep it with them.

    Sealed with field keys: card numbers, channel parameters, bodies of callbacks,
    second factors.

    Not rotated here: what has a key of its own, derived from PAYDESK_SECRET_KEY for
    each purpose: blind indexes (finding a card by its number), fingerprints, the audit
    chain, approvals, recovery codes, browsers' state. Field keys do not enter any of
    them, so they stay valid; the secret itself must not be changed.
    """
    from app.auth import audit
    from app.runtime import rotation, vault
    from app.runtime.db import transaction
    from app.sealed import SEALED

    shut, left = 0, 0
    with create_app(load()).app_context():
        newest = vault.newest_key()
        with transaction():  # before the deed: what was begun is known, whenever it is killed
            audit.record("command line", "field-keys.rotate", newest)
        for sealed in SEALED:
            told = rotation.rotate(sealed)
            click.echo(f"{'.'.join(sealed.place)}: {told.count} sealed anew with {newest}")
            for row in told.shut:
                click.echo(f"  {row} cannot be opened with any key of ours and was left as it is")
            shut, left = shut + len(told.shut), left + rotation.left(sealed)
    if left > shut:
        click.echo(f"{left - shut} were sealed with an older key meanwhile: restart every process, then run this again")
    click.echo("nothing is left under an older key" if not left else f"{left} left under older keys: keep those")
    sys.exit(1 if left else 0)


@main.command()
@click.option("--dry-run", is_flag=True, help="only count what is old enough")
def retention(dry_run: bool) -> None:
    """Delete what is kept longer than needed: the words of calls and callbacks after PAYDESK_KEEP_BODIES_DAYS (180),
    alerts that are long over with them, ended sessions after 365 days, selections of withdrawals (whose decisions stand
    with each withdrawal) after 30. That a call was made and how it ended stays, and so does everything about money:
    withdrawals, their traces, the ledger, the audit chain. The console does it by itself once a day; killed, the next run
    goes on.
    """
    from app.live import retention

    it = load()
    with create_app(it).app_context():
        for one in retention.kept(it):
            count = one.drop(one.before(), only_count=dry_run)
            click.echo(f"{count} {one.what} (older than {one.days} days{', counted only' if dry_run else ''})")


@main.command("forget-payee")
@click.argument("card")
@click.option("--why", required=True, help="the request and its date; it stays in the audit log, so without a name")
def forget_payee(card: str, why: str) -> None:
    """Delete a payee's data (个人信息保护法 §47): number, index, holder, bank and phone of CARD (its reference), the name
    in its finished withdrawals, the words of the calls about them. Amounts, numbers, traces, ledger and audit stay.
    Refused while a withdrawal to the card is open. What the channel keeps, and backups, are not reached from here.
    """
    from app.cards import service as cards
    from app.withdrawals import service as withdrawals

    if not why.strip():
        raise click.UsageError("--why must say why")
    with create_app(load()).app_context():
        try:
            told = cards.forget(card, why=why.strip(), above=withdrawals.payee_forgotten, actor="command line")
        except NotThere:
            raise click.ClickException(f"there is no card {card}") from None
        except Refused as refused:
            raise click.ClickException(str(refused)) from None
    click.echo(f"{card} is forgotten, and with it the name in {told.copies} withdrawals")
    for other in told.same_card:
        click.echo(f"the same number is also bound as {other}: forget that too")


@main.command()
@click.argument("role")
@click.option("--apply", "execute", is_flag=True, help="execute them, as the role that owns the tables")
def grants(role: str, execute: bool) -> None:
    """What the console's database role needs on PostgreSQL, and nothing more: ROLE reads and writes, but cannot change or
    delete a transfer, an audit record or an event of a withdrawal, nor the tables themselves. The tables belong to another
    role, which runs `paydesk migrate`. Again after each migration.
    """
    from app.runtime import grants

    with create_app(load()).app_context():
        for statement in grants.statements(role):
            click.echo(f"{statement};")
        if execute:
            try:
                grants.give(role)
            except grants.NotFit as problem:
                raise click.ClickException(str(problem)) from None


@main.group()
def channel() -> None:
    """Channels, for those who program them. Many need no program: page 渠道模板 describes them."""


@channel.command("new")
@click.argument("code")
@click.option("--title", required=True, help="its name in Chinese, as pages show it")
@click.option("--binds", is_flag=True, help="pays only to cards that were bound to the account before")
@click.option("--lists", is_flag=True, help="tells which cards are bound (with --binds)")
@click.option("--unbinds", is_flag=True, help="lets a bound card go (with --binds)")
@click.option(
    "--settles", is_flag=True, help="pays what may be settled to a card of our own, by an interface of its own"
)
@click.option("--figures", is_flag=True, help="tells totals of a day and the balance")
@click.option("--balance", is_flag=True, help="tells the balance alone")
@click.option("--statements", is_flag=True, help="tells line by line what it paid on a day, and what came back")
def new_channel(code: str, title: str, **abilities: bool) -> None:
    """Write an adapter, its samples and its suite to begin with, in a checkout. docs/adding-a-channel.md leads on.

    CODE is how the program calls the channel: lower case, heron. What is written works with a made-up third party;
    its suite fails with the list of all that only the real one's document can say.
    """
    from app import scaffold

    try:
        written = scaffold.new_channel(code, title=title, abilities=frozenset(it for it in abilities if abilities[it]))
    except scaffold.Unfit as problem:
        raise click.ClickException(str(problem)) from None
    for path in written[:4]:
        click.echo(f"  {path}")
    click.echo(f"  … and {len(written) - 4} example messages beside it")
    click.echo("Now:")
    click.echo(f"  ./test tests/channels/test_{code}.py    fails with the list of what is left to do, file and line")
    click.echo("  .venv/bin/python -m tools.catalogue update    then its English name into app/translations/en")
    click.echo("  docs/adding-a-channel.md    the whole way, from their document to the first paid withdrawal")


if __name__ == "__main__":
    main()
