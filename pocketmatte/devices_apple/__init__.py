"""iPhones, iPads and simulators, by Apple's devicectl and simctl: see docs/harness-protocol.md."""
