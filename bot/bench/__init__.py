"""Load on a whole Natiq: `natiq bench serve`."""
