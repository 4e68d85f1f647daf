"""What runs on a device and what comes back: traces, statistics, verdicts, results."""
