"""Doing: tickets, escalation, status, staff. Writes happen here, never in pages or channels."""
