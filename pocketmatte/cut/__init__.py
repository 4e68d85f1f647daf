"""Cut a subject out of a video: streaming passes, a work folder, outputs."""
