"""The front door: the sign-in pages, and the guard every request passes.

`init(app)` once, before the rooms' blueprints; `refuse_silent_routes(app)` last, when every route is known.
"""

from flask import Flask

from app.auth.permissions import PUBLIC, SIGNED_IN, Permission
from app.auth.views import audit, guard, operators, pages, profile, proof, roles
from app.auth.views.guard import security_headers

__all__ = ["init", "refuse_silent_routes", "security_headers"]


def init(app: Flask) -> None:
    """Sessions, guard, CSRF and security headers for every route; the pages of this room."""
    guard.init(app)
    app.register_blueprint(pages.bp)
    app.register_blueprint(proof.bp)
    app.register_blueprint(operators.bp)
    app.register_blueprint(roles.bp)
    app.register_blueprint(profile.bp)
    app.register_blueprint(audit.bp)


def refuse_silent_routes(app: Flask) -> None:
    """Deny by default: a route that does not say who may enter stops the application from starting."""
    silent = sorted({rule.endpoint for rule in app.url_map.iter_rules() if not _speaks(app, rule.endpoint)})
    if silent:
        raise RuntimeError(f"these routes do not declare who may enter (needs, signed_in, public): {', '.join(silent)}")


def _speaks(app: Flask, endpoint: str) -> bool:
    declared = getattr(app.view_functions.get(endpoint), "permission", None)
    return isinstance(declared, Permission) or declared in (SIGNED_IN, PUBLIC)
