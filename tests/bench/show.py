"""Shows figures that were kept: show.py FILE [PICTURE.svg]"""
import json
import sys

from table import table


def show(figures, picture):
    print(table(figures))
    if picture:
        from plot import plot  # matplotlib is wanted only here
        plot(figures, picture)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        show(json.load(file), sys.argv[2] if len(sys.argv) > 2 else None)
