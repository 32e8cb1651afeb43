"""The WSGI application and its server."""

import logging
from pathlib import Path

from flask import Flask, Response
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from app.sandbox.control import control
from app.sandbox.gate import gate
from app.sandbox.house import House
from app.sandbox.pace import Pace
from app.sandbox.postman import Postman
from app.sandbox.store import Store

POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open: the console keeps a few and reuses them
    disable_nagle_algorithm = True  # or every answer on a reused connection waits 40 ms for an acknowledgement


def create_app(store: Store, pace: Pace, postman: Postman, *, host: str) -> Flask:
    here = Path(__file__).parent
    app = Flask(__name__, static_folder=str(here / "static"), template_folder=str(here / "templates"))
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024  # 500 cards with everything that is known of them
    if host in ("127.0.0.1", "localhost", "::1"):
        app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost", "[::1]"]
    app.extensions["sandbox"] = House(store, pace, postman)
    app.register_blueprint(control)
    app.register_blueprint(gate)

    @app.after_request
    def guard(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"  # with none, its own buttons would come from "null"
        return response

    return app


def serve(app: Flask, host: str, port: int) -> BaseWSGIServer:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    return make_server(host, port, app, threaded=True, request_handler=Handler)
