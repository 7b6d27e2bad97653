"""The desk's addresses, by page."""
