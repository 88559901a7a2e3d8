"""Run every command and every Python block of README.md and docs/ on small stand-ins.

    python tools/check_docs.py [--only docs/loso.md ...] [--list]

``make docs-check`` calls it. The pages are run one after the other in a scratch copy
of the working tree, where ``tests/docs_check/stand_ins.py`` has made all configs small
and makes what a page expects its reader to have (see ``EXPECTED``).

What is run:

- Commands: the lines of a fence of ``bash``, the lines of a fence without a language
  in which some line starts like ``COMMAND``, and code in running text that starts so.
  Placeholders are filled in (``PLACEHOLDERS``) and large numbers replaced (``SMALL``).
  A command fails the check if its exit status is not 0.
- Python: a block with a title is a file and is written before anything is run. All
  other blocks of a page are one program, run at the place of the last one. What a
  ``text`` fence below a block shows has to be printed, and every ``type`` of a config
  has to be registered.

What is not run is listed in ``NOT_RUN``, with the reason.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT = 1800  # seconds that a command may take, on a busy machine

# Commands that are not run, as patterns of the whole command, and why.
NOT_RUN = {
    r'make (test|docs-check)': 'this check is one of the two, CI runs the other',
    r'make install': 'has made the environment that runs this check',
    r'pip install .*': 'downloads from a package index',
    r'.*mlflow ui .*': 'needs the full mlflow; the tests use mlflow-skinny',
    r'python benchmarks/loso\.py .*--stand-in.*': 'needs a GPU',
    r'python benchmarks/motion\.py --peers .*': 'downloads programs of others',
}

# Commands that serve until they are stopped: they have to answer at the address that
# they print.
SERVER = re.compile(r'make app|mmaction_mer app|mkdocs serve|tensorboard')

# What a reader would fill in, on every page or on one.
PLACEHOLDERS = {
    '': 'PARTITION=gpu JOB=mpt WORK_DIR=work_dirs/ours RUN=work_dirs/ours',
    'docs/loso.md': 'A=work_dirs/ours B=work_dirs/theirs',
    'docs/backbones.md': 'SOURCE=FaRL.pth CHECKPOINT=checkpoints/made.pth NAME=clip '
    'CONFIG=configs/mpt_farl-b16_smic.py',
    'docs/ma2mi.md': 'CONFIG=configs/ma2mi_miacnet_synthme.py',
}

# Options added to every call of a tool, so that it ends in seconds. They come last and
# therefore win.
SMALL = {
    'data/make_synthme.py': '--subjects 4 --clips 3 --workers 1',
    # Not over the weights of the package, which the next commands read.
    'pretrain_synthme.py': '--identities 2 --iters 2 --batch 2 --workers 1 '
    '--out checkpoints/vit-tiny.pth',
    'benchmarks/allocator.py': '--batch 2 --steps 3 --turns 1',
    'benchmarks/loso.py': '--ways host-loop stacked',
    'benchmarks/scaling.py': '--folds 2 --clips 6 --steps 1',
    'benchmarks/store.py': '--clips 1 --turns 1',
    'benchmarks/videos.py': '--frames 300',
}

# What a page expects its reader to have: path, pattern of the pages that need it, and
# the command that makes it where it is missing. In this order: each uses those above.
STAND_INS = 'python tests/docs_check/stand_ins.py'
PREPARE = 'python tools/data/prepare.py {0} --no-crop --root {1} --out data/{0}'
SYNTHME = 'python tools/data/make_synthme.py --out data/synthme'
TRAIN = 'python tools/train.py configs/{0}.py --work-dir work_dirs/{0}'
DEMO = 'python tools/train.py configs/mpt_vit-tiny_synthme.py --work-dir work_dirs/'
EXPECTED = [
    ('CASME2', 'CASME2|casme2', f'{STAND_INS} releases'),
    ('SAMM', 'SAMM|_samm', f'{STAND_INS} releases'),
    ('SMIC_all_cropped', 'SMIC|_smic|ablat', f'{STAND_INS} releases'),
    ('DFEW', 'DFEW', f'{STAND_INS} releases'),
    ('FaRL.pth', 'convert_weights', f'{STAND_INS} weights'),
    ('clip.mp4', r'\.mp4', f'{STAND_INS} videos'),
    ('data/casme2', 'casme2', PREPARE.format('casme2', 'CASME2')),
    ('data/samm', '_samm|/samm', PREPARE.format('samm', 'SAMM')),
    ('data/smic', '_smic|/smic|ablat', PREPARE.format('smic', 'SMIC_all_cropped')),
    ('data/synthme', '', SYNTHME),
    ('data/synthme-macro', 'ma2mi|miacnet', f'{SYNTHME}-macro --kind macro --seed 1'),
    ('work_dirs/mpt_vit-tiny_synthme', 'synthme', f'{DEMO}mpt_vit-tiny_synthme'),
    ('work_dirs/ours', r'ours|WORK_DIR|RUN\b| A B', f'{DEMO}ours'),
    ('work_dirs/theirs', 'theirs| A B', f'{DEMO}theirs --seed 1'),
    *(
        (f'work_dirs/{name}', pattern, TRAIN.format(name))
        for name, pattern in (
            ('ma2mi_miacnet_synthme', 'miacnet_synthme'),
            ('miacnet_synthme', 'work_dirs/miacnet_synthme'),
            ('ma2mi_mpt_synthme', r'ma2mi_mpt|ablations/\*'),
        )
    ),
]

COMMAND = re.compile(
    r'(?:[A-Z_]+=\S+ )*(?:(?:\S*/)?(?:bash|curl|docker|git|make|mim|mkdocs|mlflow|pip|'
    r'pytest|python3?|ruff|sbatch|srun|tensorboard|wget)|tools/[\w/]+\.sh|\.) +[^ ].*'
)
# In running text "mim test" is a name; a command of such a program names a file.
NAME = re.compile(r'(?:docker|git|mim|mlflow|tensorboard) [^/.]*')
FENCE = re.compile(
    r'^ *```(?P<language>\w*)(?: title="(?P<title>.+?)")?\n(?P<body>.*?)^ *```$',
    re.M | re.S,
)
SPAN = re.compile(r'(?<!`)`([^`\n]+(?:\n[^`\n]+)*)`(?!`)')
HERE_DOC = re.compile(r"<<'?(\w+)")
TRAINING = re.compile(
    r'(?:tools/(?:train\.py|\w+\.sh)|mim (?:run|train)).*? \S*?([\w.-]+)\.py'
)
ADDRESS = re.compile(r'http://(?:127\.0\.0\.1|localhost):\d+')


@dataclass(frozen=True)
class Step:
    """A command of a page, or the program that its Python blocks are.

    Attributes:
        page: File, relative to the root.
        line: Where it begins, from 1.
        text: The command as the page has it, or the program.
        printed: Lines that the program has to print; None for a command.
    """

    page: str
    line: int
    text: str
    printed: tuple[str, ...] | None = None

    def __str__(self) -> str:
        """Return page, line and text on one line."""
        text = 'Python' if self.printed is not None else ' '.join(self.text.split())
        return f'{self.page}:{self.line}: {text}'

    @property
    def reason(self) -> str | None:
        """Why it is not run; None if it is."""
        command = without_comment(self.text)
        rows = (why for row, why in NOT_RUN.items() if re.fullmatch(row, command))
        return next(rows, None)


def read_page(text: str, page: str) -> tuple[list[Step], dict[str, str]]:
    """Find all that is to be run on a page.

    Args:
        text: The page.
        page: Its path, relative to the root.

    Returns:
        The steps by line, and the files that the page gives, by name.
    """
    steps: list[Step] = []
    files: dict[str, str] = {}
    # Blocks keep their lines, so that a traceback names the line of the page.
    program = [''] * text.count('\n')
    printed: list[str] = []
    last, language = 0, ''
    for match in FENCE.finditer(text):
        before, language = language, match['language']
        line = text.count('\n', 0, match.start('body')) + 1
        body = textwrap.dedent(match['body'])
        lines = body.splitlines()
        if match['title']:
            files[match['title']] = body
        elif language == 'python':
            program[line - 1 : line - 1 + len(lines)] = lines
            last = line
        elif language == 'text' and before == 'python':
            printed += lines
        elif language == 'bash' or not language and any(map(COMMAND.match, lines)):
            steps += [Step(page, *found) for found in read_commands(lines, line)]
    if last:
        steps.append(Step(page, last, '\n'.join(program), tuple(printed)))
    known = {without_comment(step.text) for step in steps}
    prose = FENCE.sub(lambda match: '\n' * match[0].count('\n'), text)
    for match in SPAN.finditer(prose):
        command = ' '.join(match[1].split())
        if COMMAND.fullmatch(command) and not NAME.fullmatch(command):
            if command not in known:
                steps.append(
                    Step(page, prose.count('\n', 0, match.start()) + 1, command)
                )
            known.add(command)
    return sorted(steps, key=lambda step: step.line), files


def read_commands(lines: Sequence[str], first: int) -> Iterator[tuple[int, str]]:
    """Yield line and text of every command of a fence.

    A command goes on after a backslash, and to the end of its here-document.
    """
    numbered = iter(enumerate(lines, first))
    for number, line in numbered:
        if not line.strip() or line.startswith('#'):
            continue
        end = HERE_DOC.search(line)
        while line.endswith('\\') or (end and not line.endswith(f'\n{end[1]}')):
            line += '\n' + next(numbered)[1]
        yield number, line


def without_comment(command: str) -> str:
    """Return a command without the comment at its end."""
    return command if '<<' in command else re.sub(r'\s+#.*', '', command)


def runnable(command: str, page: str) -> str:
    """Fill in the placeholders of a command and make it small.

    >>> runnable('tools/slurm_train.sh PARTITION JOB c.py [--seeds 0]  # all', 'a.md')
    'tools/slurm_train.sh gpu mpt c.py --seeds 0'
    """
    command = re.sub(r'\[(--[^\]]+)\]', r'\1', without_comment(command))
    for placeholder in (PLACEHOLDERS[''] + ' ' + PLACEHOLDERS.get(page, '')).split():
        word, meant = placeholder.split('=')
        command = re.sub(rf'(?<![\w/.=-]){word}(?![\w/.=-])', meant, command)
    return small(command)


def small(command: str) -> str:
    """Make a command small.

    >>> small('python benchmarks/store.py')
    'python benchmarks/store.py --clips 1 --turns 1'
    """
    command = re.sub(r'max_iters=\d+', 'max_iters=2', command)
    options = [options for tool, options in SMALL.items() if tool in command]
    return ' '.join([command, *options])


def run(command: str, tree: Path) -> tuple[bool, str]:
    """Run a command by bash in the scratch copy.

    Args:
        command: The command.
        tree: The copy.

    Returns:
        Whether it succeeded, and its output.
    """
    environment = os.environ | dict(
        PATH=f'{tree}/.venv/bin:{os.environ["PATH"]}',
        PYTHONPATH=f'{tree}:{tree}/tests/docs_check',
        CUDA_VISIBLE_DEVICES='',
        MPLBACKEND='Agg',
        # A cluster of one task, without GPUs; stand_ins.py makes srun and sbatch.
        **dict(GPUS='1', GPUS_PER_NODE='0', TASKS='1', GPUS_PER_TASK='0'),
        **dict(CPUS_PER_TASK='1', MASTER_ADDR='127.0.0.1'),
    )
    with tempfile.TemporaryFile('w+', errors='replace') as output:
        process = subprocess.Popen(
            ['bash', '-o', 'pipefail', '-c', command],
            cwd=tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

        def said() -> str:
            output.seek(0)
            return output.read()

        succeeded = False
        try:
            if SERVER.search(command):
                succeeded = answers(process, said)
            else:
                succeeded = process.wait(LIMIT) == 0
        except subprocess.TimeoutExpired:
            pass
        finally:  # and on Ctrl-C, with all that it has started
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return succeeded, said()


def answers(process: subprocess.Popen, said: Callable[[], str]) -> bool:
    """Wait until a server answers at the address that it prints."""
    end = time.monotonic() + LIMIT
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.5)
        if address := ADDRESS.search(said()):
            with suppress(OSError), urllib.request.urlopen(address[0], timeout=10):
                return True
    return False


def run_step(step: Step, tree: Path) -> str:
    """Run a step; return what went wrong, or nothing."""
    if step.printed is None:
        command = runnable(step.text, step.page)
        if '--resume' not in command:
            remove_output(command, tree)
    else:
        path = tree / 'docs_program.py'
        path.write_text(
            f'{step.text}\nimport check_types\ncheck_types.check(__file__)\n'
        )
        command = f'python {path.name}'
    succeeded, said = run(command, tree)
    left = iter(said.splitlines())
    missing = [line for line in step.printed or () if line not in left]
    if succeeded and not missing:
        return ''
    tail = [line.rpartition('\r')[2] for line in said.rstrip().splitlines()[-30:]]
    tail += [f'not printed, or not in this order: {line}' for line in missing[:1]]
    return '\n'.join(f'    {line[:300]}' for line in [command, *tail])


def remove_output(command: str, tree: Path) -> None:
    """Remove what a command will write, as it was left by another command.

    The trainings of a page are mostly different ways to do one thing, and a training
    refuses a work directory of another one.
    """
    written = re.findall(r'--out ((?:data|work_dirs)/\S+)', command)
    if training := TRAINING.search(command):
        named = re.search(r'--work-dir (\S+)', command)
        written.append(named[1] if named else f'work_dirs/{training[1]}')
    for name in written:
        shutil.rmtree(tree / name, ignore_errors=True)


def make_tree(tree: Path) -> None:
    """Copy the files that git knows, with small configs and a link to this Python."""
    names = subprocess.check_output(
        ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
        cwd=ROOT,
        text=True,
    )
    for name in filter(None, names.split('\0')):
        if (ROOT / name).is_file():  # not deleted meanwhile
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    venv = tree / '.venv'
    (venv / 'bin').mkdir(parents=True)
    for place in ('.', 'bin'):
        for path in Path(sys.prefix, place).iterdir():
            if path.name not in ('bin', '.installed'):
                (venv / place / path.name).symlink_to(path)
    (venv / '.installed').touch()
    makefile = tree / 'Makefile'
    lines = makefile.read_text(encoding='utf-8').splitlines()
    makefile.write_text('\n'.join(small(line) for line in lines) + '\n')
    expect(f'{STAND_INS} configs cluster', tree)


def expect(command: str, tree: Path) -> None:
    """Run a command of the check's own.

    Raises:
        SystemExit: It failed.
    """
    succeeded, said = run(command, tree)
    if not succeeded:
        raise SystemExit(f'{said}\nthe check itself failed at: {command}')


def check_page(page: str, text: str, tree: Path) -> list[Step]:
    """Run all steps of a page and print how each ended.

    Args:
        page: Its path, relative to the root.
        text: The page.
        tree: The scratch copy.

    Returns:
        The steps that failed.
    """
    steps, files = read_page(text, page)
    for path, pattern, command in EXPECTED:
        if re.search(pattern, text) and not (tree / path).exists():
            expect(small(command), tree)
    for name, content in files.items():
        (tree / name).write_text(content, encoding='utf-8')
    failed = []
    for step in steps:
        if step.reason is None:
            started = time.monotonic()
            trouble = run_step(step, tree)
            state = 'FAILED' if trouble else 'ok'
            print(f'{time.monotonic() - started:4.0f} s  {state:6}  {step}', flush=True)
            if trouble:
                print(trouble, flush=True)
                failed.append(step)
    return failed


def read_pages(only: Sequence[str] | None = None) -> dict[str, str]:
    """Read README.md and the pages of docs/.

    Raises:
        SystemExit: There is no such page.
    """
    paths = [ROOT / 'README.md', *sorted((ROOT / 'docs').rglob('*.md'))]
    paths += sorted((ROOT / 'configs').glob('*/README.md'))
    pages = {path.relative_to(ROOT).as_posix(): path for path in paths}
    if unknown := set(only or ()) - pages.keys():
        raise SystemExit(f'{min(unknown)}: not one of README.md and docs/**/*.md')
    return {name: pages[name].read_text(encoding='utf-8') for name in only or pages}


def main(arguments: Sequence[str] | None = None) -> int:
    """Check; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[0])
    parser.add_argument('--only', nargs='+', metavar='PAGE', help='check these pages')
    parser.add_argument('--list', action='store_true', help='list what would be run')
    args = parser.parse_args(arguments)
    # As Ctrl-C does: nothing that was started goes on.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    pages = read_pages(args.only)
    steps = [step for page, text in pages.items() for step in read_page(text, page)[0]]
    listed = [step for step in steps if step.reason]
    failed: list[Step] = []
    if args.list:
        print(*(step for step in steps if not step.reason), sep='\n')
    else:
        with tempfile.TemporaryDirectory(prefix='docs-check-') as folder:
            tree = Path(folder).resolve()
            make_tree(tree)
            for page, text in pages.items():
                failed += check_page(page, text, tree)
    print('\nNot run:')
    for step in listed:
        print(f'  {step}\n      {step.reason}')
    print(
        f'\n{len(pages)} pages: {len(steps) - len(listed)} commands and programs run, '
        f'{len(failed)} failed, {len(listed)} not run'
    )
    for step in failed:
        print(f'FAILED {step}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
