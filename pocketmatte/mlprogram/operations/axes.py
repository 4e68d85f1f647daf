"""How dimensions are counted."""


def counted(axis: int, rank: int) -> int:
    """Return an axis counted from the front.

    Raises:
        IndexError: If there is no such dimension.
    """
    if not -rank <= axis < rank:
        msg = f"axis {axis} of {rank} dimensions"
        raise IndexError(msg)
    return axis % rank
