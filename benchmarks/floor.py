"""The least that any producer in Python must do: how many files lie below a folder.

    python benchmarks/floor.py walk FOLDER      list and stat every file
    python benchmarks/floor.py heads FOLDER     the same, and read the first KiB of each
    python benchmarks/floor.py whole FOLDER     the same, and read all of each

The last is no floor: it sees to it that files are in the page cache.  Nothing is kept, compared or
understood, and nothing is imported that Python has not imported anyway.
"""

from __future__ import annotations

import os
import sys

_AMOUNTS = {"walk": 0, "heads": 1024, "whole": 1 << 27}  # bytes to read of each file


def walk(folder: str, amount: int) -> int:
    """How many files there are; each was asked for its size and times, and read so far."""
    count = 0
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                    continue
                size = entry.stat(follow_symlinks=False).st_size
                count += 1
                if amount:
                    file = os.open(entry.path, os.O_RDONLY)
                    os.read(file, min(amount, size))  # a buffer larger than the file costs time
                    os.close(file)
    return count


if __name__ == "__main__":
    print(walk(sys.argv[2], _AMOUNTS[sys.argv[1]]))
