"""Results that devices gave back: read, kept, listed, compared."""
