"""How long a file may take where nobody timed it: work counted, rates fitted, an interval."""
