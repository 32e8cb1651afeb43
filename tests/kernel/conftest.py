"""Properties are about what is true, not about how fast a busy machine finds out."""

from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")
