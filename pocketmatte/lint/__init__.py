"""What is known to keep an ML Program, or a part of it, off the Neural Engine."""
