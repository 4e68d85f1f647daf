"""Which numbers a quantised tier is made with, and which of its layers stay in floating point."""
