"""Telegram: receiving by long polling or webhook, sending through the Bot API."""
