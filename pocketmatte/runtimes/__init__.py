"""One protocol for every runtime that executes a program; the table is in ``table``."""
