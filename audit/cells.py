"""Cells of files that a spreadsheet may open: what it would run there as a formula, and how that stays text."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_text(cell: str) -> str:
    """The cell as text: a leading ' before what begins like a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def as_meant(cell: str) -> str:
    """What such a cell held before."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell
