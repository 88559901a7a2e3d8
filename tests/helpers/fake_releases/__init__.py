"""Fake releases at full size, with tiny frames, to test the readers of real ones.

Each writer writes one release below ``root`` and returns the :class:`Truth` about it.
All rows are generated from rules and counts, the same ones each time. Frames are 6 x 6
pixels, mostly 5 to 12 per clip, and their brightness encodes their number
(:func:`number_modulo_64`; in videos it is 20 times the number). Equal files of a
release are hard links of one (:func:`replace_file` replaces one alone).

Where the documentation of a release is silent, these are our choices:

- **All sheets** are in the root, beside the folder of frames. One blank row is in the
  middle, blank rows at the end (one has a space), other sheets in the workbook. Blank
  titles are empty cells; SMIC's are ``-``. A single action unit is a number (4, not
  '4') except for CAS(ME)^3 A and 4DME. Some folders have ``Thumbs.db``, ``.DS_Store``
  and ``._img46.jpg``. 1 or 2 frames are before the onset and after the offset.
- **CASME II**: emotions in lower case. 07/EP06_01, 12/EP09_02 and 16/EP01_08 lack 1
  or 2 frames at one end or both: kept, but noted. The three clips of the third variant
  are sadness and fear in the others (or, ``added``, only in this variant).
- **SAMM**: row 1 is empty, too; sheets ``ALL`` before and ``Notes`` after; emotions
  capitalized. Wrong apexes (-1, before the onset, after the offset) become null.
  Numbers are padded to 5 digits, to 4, or not at all, by clip.
- **SMIC**: VIS and NIR have 28, 23 and 20 clips of 8 subjects at 25 fps. Clips are
  ``s1_ne_01``, ``s1_po_01``, ``s1_sur_01``; raw frames ``image559740.bmp`` (long form
  ``.jpg``, in ``HS_long/SMIC_HS_E/s1/s1_ne_01/``). Subjects in the sheet are numbers.
- **CASME**: 19 subjects, frames ``<Filename>-<number>.jpg``, an .xls sheet. Wrong
  onsets are after the offset; wrong offsets are before the onset (3) or 0 (2). The apex
  is ``ApexF1``; ``ApexF2`` is mostly blank.
- **MMEW**: 30 subjects, 150 macro clips of each of six emotions. Micro clips in the
  subject layout are in the root itself; macro clips in ``Macro_Expression/`` in the
  same layout and without a sheet. If numbers restart, the folder contains onset to
  offset exactly; the absolute numbers of some clips overlap with those on disk.
- **CAS(ME)^3**: emotions in lower case except for ``Others``. Two apexes are before the
  onset (become null), one onset is after its offset, one offset is 0 (both skipped). Of
  86 rows without frames 30 lack all (the folder is missing, empty, or contains other
  rows; skipped), 30 lack two inside, 26 lack the offset and the frame before (noted).
  Part C: 31 other subjects named in the same way, the same emotions, cells of numbers.
- **4DME**: 267 clips of 41 subjects, ``S01/S01_micro_01/12.jpg``, absolute numbers,
  mixed emotions joined by a space, columns ``AU4``, ``Negative`` of 0 and 1.
- **DFEW**: labels 1 to 7, names in the lists without padding, videos in
  ``Clip/original/1.mp4``. **CK+**: 593 sequences of 123 subjects, 327 with a label of
  118, labels in ``Emotion/``. **Generic**: titles are the names of the fields.
"""

from .cas3 import write_cas3
from .casme import write_casme, write_casme2
from .fourdme import write_4dme
from .generic import write_generic
from .macro import write_ckplus, write_dfew
from .mmew import write_mmew
from .pictures import number_modulo_64, replace_file
from .samm import write_samm
from .sheets import break_cell, edit_sheet, read_workbook, write_workbook
from .smic import write_smic
from .truth import Row, Truth

__all__ = [
    'Row', 'Truth', 'break_cell', 'edit_sheet', 'number_modulo_64', 'read_workbook',
    'replace_file', 'write_4dme', 'write_cas3', 'write_casme', 'write_casme2',
    'write_ckplus', 'write_dfew', 'write_generic', 'write_mmew', 'write_samm',
    'write_smic', 'write_workbook',
]  # fmt: skip
