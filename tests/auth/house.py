"""The auth room in a house of its own: what `create_app` does for it, for as long as that is not there."""

from flask import Flask
from flask_babel import Babel, get_locale

from app.auth import models, views
from app.auth.identity import language

assert models.Operator.__tablename__, "the tables are known before the fixture makes them"


def furnish(app: Flask) -> Flask:
    app.jinja_env.globals.setdefault("get_locale", get_locale)
    if "auth" in app.blueprints:
        return app
    Babel(
        app,
        default_locale="zh_Hans_CN",
        default_timezone="Asia/Shanghai",
        locale_selector=lambda: "en" if language() == "en" else "zh_Hans_CN",
    )
    app.jinja_env.globals.setdefault("asset", lambda name: f"/static/{name}")
    app.jinja_env.globals.setdefault("get_locale", get_locale)
    views.init(app)
    return app
