"""One page that shows a built bundle: verdicts, sizes, times, accuracy, pictures, changes."""
