"""Read and evaluate Core ML's ML Programs on any machine: what a file says, computed by PyTorch."""
