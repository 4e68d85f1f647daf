"""The networks and their twelve capacity tiers."""
