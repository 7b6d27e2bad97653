"""Words everyone shares: settings, errors, messages, the database, queues, Arabic text, logs.

Knows no other room of the house.
"""
