"""The front door: build, verify, measure, matte."""
