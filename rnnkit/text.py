"""From characters to numbers and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from rnnkit.arrays import check_positive_int


@dataclass(frozen=True)
class Vocabulary:
    """The job of a vocabulary: give every symbol a number, and every number its symbol back.

    Parameters
    ----------
    symbols
        The symbols in order; a symbol's index is its place.

    Raises
    ------
    ValueError
        When there is no symbol, or one stands twice.
    """

    symbols: tuple[str, ...]
    _index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index = {symbol: i for i, symbol in enumerate(self.symbols)}
        if not index or len(index) != len(self.symbols):
            raise ValueError(
                f"a vocabulary needs symbols, each once; got {len(self.symbols)} with {len(index)} different"
            )
        object.__setattr__(self, "_index", index)

    @classmethod
    def of(cls, text: Iterable[str]) -> Vocabulary:
        """Collect the different symbols of ``text``, sorted."""
        return cls(tuple(sorted(set(text))))

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: Iterable[str]) -> np.ndarray:
        """Return the indices of the symbols of ``text``, shape ``(N,)``, int64.

        Raises
        ------
        ValueError
            When a symbol is not in the vocabulary.
        """
        try:
            return np.array([self._index[symbol] for symbol in text], dtype=np.int64)
        except KeyError as error:
            raise ValueError(f"{error.args[0]!r} is not in this vocabulary of {len(self)} symbols") from None

    def decode(self, indices: Iterable[int]) -> str:
        """Return the symbols at ``indices`` in one string.

        Raises
        ------
        ValueError
            When an index is not in ``0 .. len-1``.
        """
        places = [int(i) for i in indices]
        for place in places:
            if not 0 <= place < len(self):
                raise ValueError(f"indices must lie in 0 .. {len(self) - 1}, got {place}")
        return "".join(self.symbols[place] for place in places)


def columns(sequence: np.ndarray, batch_size: int) -> np.ndarray:
    """Cut one long sequence into ``batch_size`` equal columns, side by side.

    Column ``b`` is a stretch of the sequence; a batch of the next ``T`` rows then continues where the last one
    stopped, so that states can be carried over. What does not fill a row is left out.

    Parameters
    ----------
    sequence
        Shape ``(N, ...)``.
    batch_size
        ``B``, at most ``N``.

    Returns
    -------
    numpy.ndarray
        Shape ``(N // B, B, ...)``.

    Raises
    ------
    ValueError
        When ``batch_size`` is not a positive int or exceeds the length.
    """
    batch_size = check_positive_int("batch_size", batch_size)
    length = len(sequence) // batch_size
    if length == 0:
        raise ValueError(f"batch_size must not exceed the length {len(sequence)}, got {batch_size}")
    stretches = sequence[: length * batch_size].reshape(batch_size, length, *sequence.shape[1:])
    return np.ascontiguousarray(stretches.swapaxes(0, 1))
