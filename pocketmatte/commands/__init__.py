"""The commands, one file a theme; ``pocketmatte.cli`` puts them together."""
