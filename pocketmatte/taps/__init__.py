"""The values between a program's inputs and outputs, in PyTorch and in files."""
