"""Knowing: the YAML schema, the loader, its checks, and the index that finds an answer."""
