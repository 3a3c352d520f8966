"""`python -m dmtrack`: the `dmtrack` command where its script is not on the path."""

from dmtrack.cli.main import main

if __name__ == "__main__":
    main()
