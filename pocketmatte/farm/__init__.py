"""How the jobs of a build run: in what order, in how much memory, where, and which need not."""
