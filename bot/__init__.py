"""Talking: channels, dispatcher, worker, sender, composition root, command line."""
