"""`python -m diziner` is `diziner`."""

from diziner.cli import main

if __name__ == "__main__":
    main()
