"""What a reader would fill in, and what cannot be run here."""

import re
from dataclasses import dataclass
from pathlib import Path

from .commands import Piece

# (page or '*', what stands there, what the check puts in its place)
WORDS = [
    ('*', 'PARTITION', 'gpu'),
    ('*', 'JOB', 'mpt'),
    ('*', 'WORK_DIR', 'work_dirs/ours'),
    ('*', 'RUN', 'work_dirs/ours'),
    ('docs/loso.md', 'A', 'work_dirs/ours'),
    ('docs/loso.md', 'B', 'work_dirs/theirs'),
    ('docs/backbones.md', 'SOURCE', 'FaRL.pth'),
    ('docs/backbones.md', 'CHECKPOINT', 'checkpoints/converted.pth'),
    ('docs/backbones.md', 'NAME', 'clip'),
    ('docs/backbones.md', 'CONFIG', 'configs/mpt_farl-b16_smic.py'),
    ('docs/ma2mi.md', 'CONFIG', 'configs/ma2mi_miacnet_synthme.py'),
]

# Commands that never end by themselves: stopped once they answer at an address that
# they print.
SERVERS = re.compile(
    r'make app\b|python -m mmaction_mer app\b|mkdocs serve\b|tensorboard --'
)


@dataclass(frozen=True)
class Listed:
    """Why a command is not run.

    Attributes:
        pattern: What the whole command looks like.
        reason: Why not.
        evidence: A file and words in it that show where it is run instead; the check
            fails if they are not there.
    """

    pattern: str
    reason: str
    evidence: tuple[str, str] | None = None


LISTED = [
    Listed(
        r'make (test|docs-check)',
        'run by CI, or this check itself',
        ('.ci/run', 'exec make test'),
    ),
    Listed(
        r'make install', 'run by CI before anything else', ('Makefile', 'install: $(')
    ),
    Listed(
        r'pip install -e .*',
        'an editable installation, run in tests/test_packaging.py',
        ('tests/test_packaging.py', 'def test_editable_installation_leaves_no_copy'),
    ),
    Listed(
        r'.*mlflow ui .*',
        'the server is not in mlflow-skinny, with which the tests run; what it would '
        'read is looked at in tests/test_engine/test_runners/test_tracking.py',
        ('tests/test_engine/test_runners/test_tracking.py', 'mlflow'),
    ),
    Listed(r'pip install .*', 'fetches from a package index'),
    Listed(
        r'python benchmarks/(loso|scaling)\.py .*--(stand-in|out).*',
        'measures full-size models, which small ones do not stand in for; its parts '
        'are run by a test',
        ('tests/test_benchmarks.py', "'loso', 'memory', 'motion', 'scaling'"),
    ),
    Listed(
        r'python benchmarks/motion\.py --peers .*',
        'fetches other programs; its parts run in tests/test_benchmarks.py',
        ('tests/test_benchmarks.py', "benchmarks['motion']"),
    ),
]

# Pages whose Python blocks a test runs, one by one.
BLOCKS = [
    (
        re.compile(r'docs/extending.*'),
        Listed(
            '',
            'a Python block that tests/test_docs_examples.py runs',
            ('tests/test_docs_examples.py', 'extending'),
        ),
    ),
    (
        re.compile(r'docs/stock_mmaction\.md'),
        Listed(
            '',
            'a Python block that tests/test_docs_examples.py runs, with its config',
            ('tests/test_docs_examples.py', 'stock_mmaction'),
        ),
    ),
]


def filled_in(text: str, page: str) -> str:
    """Replace what a reader would: placeholders, and the brackets of what is optional.

    >>> filled_in('tools/slurm_train.sh PARTITION JOB c.py [--seeds 0]', 'a.md')
    'tools/slurm_train.sh gpu mpt c.py --seeds 0'
    """
    text = re.sub(r'\[(--[^\]]+)\]', r'\1', text)
    text = re.sub(r' \[options\]', '', text)
    for where, word, meant in WORDS:
        if where in ('*', page):
            text = re.sub(rf'(?<![\w/.-]){re.escape(word)}(?![\w/.=-])', meant, text)
    return text


def listed(text: str) -> Listed | None:
    """The row of the table for a command that is not run; None if it is."""
    words = re.sub(r'\s+#.*', '', text).strip()
    return next((row for row in LISTED if re.fullmatch(row.pattern, words)), None)


def listed_page(piece: Piece) -> Listed | None:
    """The row for a Python block that another test runs; None if it is run here."""
    if piece.kind != 'python':
        return None
    return next((row for page, row in BLOCKS if page.fullmatch(piece.page)), None)


def missing_evidence(row: Listed, root: Path) -> str | None:
    """Say what is wrong with the evidence of a row."""
    if row.evidence is None:
        return None
    name, words = row.evidence
    path = root / name
    if not path.is_file():
        return f'{name} does not exist'
    if words not in path.read_text(encoding='utf-8'):
        return f'{name} does not say {words!r}'
    return None
