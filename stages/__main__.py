"""`python -m stages` is `diziner`."""

from stages.cli import main

if __name__ == "__main__":
    main()
