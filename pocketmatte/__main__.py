"""``python -m pocketmatte``: the command line, for ``torchrun`` and where no script is on PATH."""

from pocketmatte.cli import main

if __name__ == "__main__":
    main()
