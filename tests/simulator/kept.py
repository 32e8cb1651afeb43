"""Seeds that failed once: played first, for ever."""

from pathlib import Path

KEPT = Path(__file__).parent / "kept.txt"


def kept_seeds() -> list[int]:
    """One a line; what follows the number says what it found."""
    return [int(line.split()[0]) for line in KEPT.read_text().splitlines() if line.strip() and not line.startswith("#")]
