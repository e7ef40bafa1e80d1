"""The program that reads: `python -m dicomdex.reading_child`, started and supervised by `adapters.children`.

Files that kill, spin or eat memory end this program and nothing else. It speaks frames over its standard input and
output (`adapters.frames`) and ends when its input does. Nothing of a drop is in its arguments or its environment.
"""

from __future__ import annotations

from functools import partial

from dicomdex.without import without

# What pydicom imports for pixels and for its sample files: half of the 0.15 s that it costs a child.
OF_PIXELS = ("PIL", "gdcm", "requests")


def main() -> None:
    """Be a reading child."""
    without("numpy", "pandas", *OF_PIXELS)
    from dicomdex.adapters.child_side import serve
    from dicomdex.extract.memo import Memo
    from dicomdex.extract.reader import read

    serve(partial(read, memo=Memo()))


if __name__ == "__main__":
    main()
