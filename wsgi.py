"""The front door: what gunicorn serves."""

import gc

from app import create_app
from app.config import load
from app.runtime import log

log.set_up()
app = create_app(load())
gc.collect()
gc.freeze()  # two hundred thousand objects that stay: going through them again holds every request up for a seventh of a second
