"""The pages of the room: cards, templates, sheets, runs. Each has a blueprint of its own."""

from app.cards.views import cards, runs, templates, uploads

BLUEPRINTS = (cards.bp, templates.bp, uploads.bp, runs.bp)

__all__ = ["BLUEPRINTS"]
