"""Real sequences, found where they are installed anyway; nothing is downloaded."""

from rnnkit.data.source_code import REGIONS, SourceCode, regions, source_code

__all__ = ["REGIONS", "SourceCode", "regions", "source_code"]
