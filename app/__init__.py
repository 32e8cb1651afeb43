"""The house. Only this file knows every room."""

import hashlib
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from uuid import uuid4

import structlog
from flask import Flask, current_app, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import Babel
from flask_babel import gettext as _
from htmx_flask import Htmx
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy
from werkzeug.middleware.proxy_fix import ProxyFix
from whitenoise import WhiteNoise

from app.alerts import jobs as alert_jobs
from app.alerts import views as alerts
from app.auth import audit, scope
from app.auth import jobs as auth_jobs
from app.auth import views as auth
from app.auth.identity import Actor, language, me_or_nobody
from app.auth.permissions import Permission
from app.auth.signals import session_ended, session_started
from app.auth.views.answers import tell
from app.cards import jobs as card_jobs
from app.cards import views as cards
from app.channels import callbacks
from app.channels import jobs as channel_jobs
from app.channels import queries as channel_queries
from app.channels import rules as channel_rules
from app.channels import service as channel_service
from app.channels import views as channels
from app.collections import jobs as collection_jobs
from app.collections import queries as collection_queries
from app.collections import views as collections
from app.config import Config
from app.exports import jobs as export_jobs
from app.exports import views as exports
from app.kernel import clock
from app.kernel.errors import NotThere, Refused
from app.ledger import queries as ledger_queries
from app.ledger import views as ledger
from app.live import jobs as live_jobs
from app.live import views as live
from app.menus import views as menus
from app.runtime import db, live_events, queue
from app.runtime.page import LOCALES, Ui, local, say
from app.runtime.request import House, HouseRequest
from app.statements import jobs as statement_jobs
from app.statements import views as statements
from app.tasks import views as tasks
from app.withdrawals import jobs as withdrawal_jobs
from app.withdrawals import queries as withdrawal_queries
from app.withdrawals import views as withdrawals

log = structlog.get_logger(__name__)

TOP = Path(__file__).resolve().parent.parent
WORK = (
    *(alert_jobs, auth_jobs, card_jobs, channel_jobs, collection_jobs, export_jobs, live_jobs, statement_jobs),
    withdrawal_jobs,
)
"""The workers' doors, imported here so that a worker has everything before it forks."""
ROOMS = (live, callbacks, ledger, collections, statements, menus, exports)


def create_app(config: Config) -> Flask:
    """A console that speaks to this database and this Redis. Refuses to start with a route that declares nothing."""
    app = House(__name__, template_folder=str(TOP / "templates"), static_folder=None)
    app.request_class = HouseRequest
    app.extensions["paydesk.config"] = config
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(TOP / "app" / "translations")
    app.config["BABEL_DEFAULT_LOCALE"] = LOCALES["zh"]
    app.config["BABEL_DEFAULT_TIMEZONE"] = "Asia/Shanghai"
    app.config["TRUSTED_HOSTS"] = [host for host in config.trusted_hosts.split(",") if host] or None
    db.init(app, config.sqlalchemy_url)
    queue.init(app, config.redis_url or "redis://127.0.0.1:1/0")
    live_events.init(app)
    Babel(app, locale_selector=lambda: LOCALES[language()])
    Htmx(app)
    auth.init(app)
    for room in ROOMS:
        app.register_blueprint(room.bp)
    of_rooms = (
        *(*alerts.BLUEPRINTS, *channels.BLUEPRINTS, *cards.BLUEPRINTS),
        *(*withdrawals.BLUEPRINTS, *tasks.BLUEPRINTS),
    )
    for blueprint in (live.cache, live.jobs, *of_rooms):
        app.register_blueprint(blueprint)
    session_started.connect(channel_service.session_started)
    session_ended.connect(channel_service.session_ended)
    scope.lent_by(channel_queries.all_channels)
    _tell_problems(app)
    _lend_to_templates(app)
    auth.refuse_silent_routes(app)
    _serve_static(app)
    return app


def examine() -> list[str]:
    """Every room's examiner, and the one question that none of them can ask alone: do withdrawals and ledger agree?"""
    with db.snapshot():
        return [
            *ledger_queries.problems(),
            *channel_queries.problems(),
            *withdrawal_queries.problems(),
            *withdrawal_queries.against_ledger(),
            *collection_queries.problems(),
            *audit.verify(),
        ]


def _tell_problems(app: Flask) -> None:
    """What went wrong, in the reader's words; a programmer's mistake gets a number to ask about, and nothing else."""

    @app.errorhandler(Refused)
    def refused(problem: Refused) -> tuple[str, int]:
        return tell(409, message=say(problem.text), advice=say(problem.advice) if problem.advice else "")

    @app.errorhandler(NotThere)
    def not_there(_problem: NotThere) -> tuple[str, int]:
        return tell(404)

    @app.errorhandler(HTTPException)
    def http(problem: HTTPException) -> ResponseReturnValue:
        code = problem.code or 500
        if code < 400 or problem.response is not None:
            return problem.get_response()
        known = (TOP / "templates" / "errors" / f"{code}.html").exists()
        body, _status = tell(code if known else 400)
        return body, code

    @app.errorhandler(Exception)
    def broken(problem: Exception) -> tuple[str, int]:
        incident = uuid4().hex[:10]
        log.exception("incident", incident=incident, path=request.path, kind=type(problem).__name__)
        return tell(
            500,
            message=_("程序出了问题，我们已记录。"),
            advice=_("请稍后再试；若再次出现，请告知事件编号 %(incident)s", incident=incident),
        )


def _lend_to_templates(app: Flask) -> None:
    app.jinja_env.globals |= {"ui": Ui(), "asset": asset, "say": say, "now": clock.now, "get_locale": language_tag}
    app.jinja_env.globals |= {"lease_s": channel_rules.LEASE_S, "lease_warn_s": channel_rules.WARN_S}
    app.jinja_env.filters |= {"local": local, "say": say}

    @app.context_processor
    def frame() -> dict[str, object]:
        person = me_or_nobody()
        found: dict[str, object] = {"demo": config_of().demo, "menu": _menu(person)}
        if person is not None:
            found |= _may(person)
            found["search_url"] = url_for("withdrawals.search") if person.can(Permission.WITHDRAWAL_READ) else None
        return found


def language_tag() -> str:
    """The page's language as HTML writes it."""
    return {"zh": "zh-CN", "en": "en"}[language()]


def _may(person: Actor) -> dict[str, bool]:
    """What this person may do, as words for templates, which choose looks and never facts."""
    return {
        "may_claim": person.can(Permission.CLAIM_TAKE),
        "may_force": person.can(Permission.CLAIM_FORCE_RELEASE),
        "may_see_platforms": person.can(Permission.PLATFORM_READ),
        "may_refresh": person.can(Permission.CHANNEL_REFRESH),
        "may_bind": person.can(Permission.CARD_BIND),
        "may_withdraw": person.can(Permission.WITHDRAWAL_CREATE),
        "may_read_ledger": person.can(Permission.LEDGER_READ),
    }


def _menu(person: Actor | None) -> Iterable[object]:
    """The entries this person may open: read once, when a whole page asks for them. A part of a page never does."""
    return LocalProxy(cache(lambda: menus.menu_of(person))) if person else ()


def config_of() -> Config:
    found = current_app.extensions["paydesk.config"]
    assert isinstance(found, Config)
    return found


@lru_cache(maxsize=256)
def asset(path: str) -> str:
    """The address of a static file with the hash of its content: it may be kept for ever."""
    content = (TOP / "static" / path).read_bytes()
    return f"/static/{path}?v={hashlib.sha256(content).hexdigest()[:12]}"


def _serve_static(app: Flask) -> None:
    headers = auth.security_headers(app)

    def add(given: object, _path: str, _url: str) -> None:
        for name, value in headers.items():
            given[name] = value  # type: ignore[index]

    inner = app.wsgi_app
    if proxies := app.extensions["paydesk.config"].trusted_proxies:
        inner = ProxyFix(inner, x_for=proxies, x_proto=proxies, x_host=proxies)
    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        inner, root=str(TOP / "static"), prefix="/static/", max_age=365 * 24 * 3600, add_headers_function=add
    )
