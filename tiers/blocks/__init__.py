"""The parts that networks are built of, one file a block."""
