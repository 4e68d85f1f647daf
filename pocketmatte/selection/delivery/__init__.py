"""From a lock to what a build of an app takes in: files, packs of Play, packs of Apple."""
