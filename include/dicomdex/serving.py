"""The page as a background program: `python -m dicomdex.serving`, by the environment alone."""

from dicomdex.cli_serve import serve

if __name__ == "__main__":
    serve()
