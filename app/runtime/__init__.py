"""Plumbing: database, jobs, HTTP, pages, sealing, live events. Knows no feature."""
