"""Seeds that failed once: kept by whoever plays them, and played first, for ever."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

KEPT = Path(__file__).parent / "kept.txt"
ELSEWHERE = Path(__file__).parents[2] / "test-results" / "kept.txt"
"""Where the repository cannot be written; played first as well, as long as it is there."""
FILES = (KEPT, ELSEWHERE)
_LONGEST = 200


def kept_seeds(files: Sequence[Path] = FILES) -> list[int]:
    """One a line; what follows the number says what it found."""
    lines = [line for file in files if file.is_file() for line in file.read_text().splitlines()]
    return list(dict.fromkeys(int(line.split()[0]) for line in lines if line.strip() and not line.startswith("#")))


def keep(seed: int, found: str, files: Sequence[Path] = FILES) -> Path | None:
    """Written down once, in the first of these files that can be written. None: it is there already, or none can be."""
    if seed in kept_seeds(files):
        return None
    for file in files:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a") as lines:
                lines.write(f"{seed} {' '.join(found.split())[:_LONGEST]}\n")
        except OSError:
            continue
        return file
    return None


@contextmanager
def keeping(seed: int, files: Sequence[Path] = FILES) -> Iterator[None]:
    """What breaks a promise is not lost with the screen on which it was read."""
    try:
        yield
    except Exception as problem:
        keep(seed, f"{type(problem).__name__}: {problem}", files)
        raise
