"""Real sequences, found where they are installed anyway; nothing is downloaded."""

from rnnkit.data.source_code import REGIONS, TEST_MODULES, TRAIN_MODULES, SourceCode, regions, source_code

__all__ = ["REGIONS", "TEST_MODULES", "TRAIN_MODULES", "SourceCode", "regions", "source_code"]
