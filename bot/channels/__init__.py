"""Channels: each translates one place where people talk to and from core's messages."""
