"""Lets `python -m lightml` do what `lightml` does."""

from lightml.cli import main

if __name__ == "__main__":
    main()
