"""The front door: what gunicorn serves."""

from app import create_app
from app.config import load
from app.runtime import log

log.set_up()
app = create_app(load())
