"""iPhones and iPads, reached through Apple's devicectl: see docs/harness-protocol.md."""
