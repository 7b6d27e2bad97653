"""The command `natiq`."""
