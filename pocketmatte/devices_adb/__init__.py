"""Android devices, reached through the adb program: see docs/harness-protocol.md."""
