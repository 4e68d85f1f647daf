"""Which device it is, and which tier is meant for it: bare Python, no library."""
