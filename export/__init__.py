"""From a network to a file."""
