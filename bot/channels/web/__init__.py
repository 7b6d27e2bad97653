"""The web chat: a page made for a phone, and the JSON and event-stream API beneath it."""
