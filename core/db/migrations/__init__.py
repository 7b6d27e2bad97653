"""Alembic migrations, written for SQLite and PostgreSQL alike."""
