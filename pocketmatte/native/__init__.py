"""The native runner: built for a host or for 64-bit Arm; run here, emulated, or on a phone."""
