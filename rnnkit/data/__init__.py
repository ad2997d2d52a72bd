"""Sequences to learn from: drawn by recipe, or read where they are installed anyway; nothing is downloaded.

What needs a package of its own, named in its docstring, comes with ``pip install "rnnkit[data]"``.
"""

from rnnkit.data.docstrings import docstrings, words
from rnnkit.data.files import Split, split_by_hash
from rnnkit.data.glyphs import FACES, Glyphs, glyphs
from rnnkit.data.motion import Motion, salamander
from rnnkit.data.names import clean_name, place_names
from rnnkit.data.patterned import PatternTask, pattern_task
from rnnkit.data.reber import is_reber, reber_batch, reber_next, reber_string
from rnnkit.data.series import Series, co2, nile, page_views, split_in_time, sunspots
from rnnkit.data.source_code import REGIONS, TEST_MODULES, TRAIN_MODULES, SourceCode, regions, source_code
from rnnkit.data.tasks import adding, copying, dyck, flip_flop, latch, mackey_glass, parity, temporal_order
from rnnkit.data.translation import dates, emoji_names, german_parts, number_words
from rnnkit.data.trees import Scene, ast_functions, grammar_trees, listops, read_treebank, scenes, vader_trees

__all__ = [
    "FACES",
    "REGIONS",
    "TEST_MODULES",
    "TRAIN_MODULES",
    "Glyphs",
    "Motion",
    "PatternTask",
    "Scene",
    "Series",
    "SourceCode",
    "Split",
    "adding",
    "ast_functions",
    "clean_name",
    "co2",
    "copying",
    "dates",
    "docstrings",
    "dyck",
    "emoji_names",
    "flip_flop",
    "german_parts",
    "glyphs",
    "grammar_trees",
    "is_reber",
    "latch",
    "listops",
    "mackey_glass",
    "nile",
    "number_words",
    "page_views",
    "parity",
    "pattern_task",
    "place_names",
    "read_treebank",
    "reber_batch",
    "reber_next",
    "reber_string",
    "regions",
    "salamander",
    "scenes",
    "source_code",
    "split_by_hash",
    "split_in_time",
    "sunspots",
    "temporal_order",
    "vader_trees",
    "words",
]
