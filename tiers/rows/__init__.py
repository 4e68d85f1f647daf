"""One file a network: its shape, its twelve rows, and what its programs take and give."""
