"""Commands and Python blocks of a page.

What is a command:

- in a fence of ``bash`` or ``sh``: every line that is not blank and not a comment;
- in a fence of ``console``: every line that begins with ``$ ``;
- in a fence without a language: every line that begins with ``$ `` or as a command
  does (``COMMAND`` below). Such a fence holds commands alone, or none: other lines
  between them are an error, unless commands have their ``$ ``;
- in running text: what stands between backticks, begins as a command does and has an
  argument (``make`` alone or ``tools/train.py`` is a name, not a command), which for
  programs of others is a file (``mim test`` is a name, too).

A command goes on where a line ends with a backslash, and to the end of its
here-document.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMMAND = re.compile(
    r'(?:[A-Z][A-Z_]*=\S* )*'  # settings
    r'(?:(?:\S*/)?(?:bash|cd|chromium|curl|docker|export|git|jupyter|make|mim|mkdocs|'
    r'mlflow|pip|pre-commit|pytest|python3?|ruff|sbatch|source|srun|tensorboard|wget)'
    r'(?= )|\.(?= )|\S*tools/[\w/-]+\.sh(?= )) *[^ ].*'
)
STATE = re.compile(r'(?:export|cd|source|\.) ')
LANGUAGES = {'', 'bash', 'sh', 'console'}
_OTHERS = re.compile(r'(?:docker|git|jupyter|mim|mlflow|tensorboard) ')
_FENCE = re.compile(r' *(?:>\s*)?(`{3,}|~{3,})(.*)')
_SPAN = re.compile(r'(?<!`)`([^`\n]+(?:\n(?!\s*\n)[^`\n]+)*)`(?!`)')


class NoClearRule(ValueError):
    """A fence of which nobody can say what in it is a command."""


@dataclass(frozen=True)
class Piece:
    """A command, or a block of Python.

    Attributes:
        page: File, relative to the root.
        line: Where it begins, from 1.
        text: Word for word; lines that go on keep their backslash.
        kind: 'command' or 'python'.
    """

    page: str
    line: int
    text: str
    kind: str = 'command'

    @property
    def keeps_state(self) -> bool:
        """Whether what follows on the page depends on it: ``export``, ``cd``, ``.``."""
        return bool(STATE.match(self.text))

    @property
    def where(self) -> str:
        """Page and line, as compilers write them."""
        return f'{self.page}:{self.line}'


def read_page(path: Path, root: Path) -> list[Piece]:
    """Find all pieces of a page, in order; what the text repeats is left out.

    Raises:
        NoClearRule: A fence without a language mixes commands with something else.
    """
    return pieces(path.read_text(encoding='utf-8'), path.relative_to(root).as_posix())


def pieces(text: str, page: str) -> list[Piece]:
    """Find all pieces of a text.

    >>> [one.text for one in pieces('Type `make demo` or `make`.', 'a.md')]
    ['make demo']
    """
    found: list[Piece] = []
    prose = []
    for language, first, lines in _fences(text.splitlines(), prose):
        if language in ('python', 'py'):
            found.append(Piece(page, first, '\n'.join(lines), 'python'))
        elif language in LANGUAGES:
            found += _of_fence(page, language, first, lines)
    known = {re.sub(r'\s+#.*', '', one.text) for one in found}
    for match in _SPAN.finditer('\n'.join(prose)):
        words = ' '.join(match[1].split())
        is_name = _OTHERS.match(words) and not re.search(r'[/.]', words)
        if COMMAND.fullmatch(words) and words not in known and not is_name:
            line = '\n'.join(prose).count('\n', 0, match.start()) + 1
            found.append(Piece(page, line, words))
            known.add(words)
    return sorted(found, key=lambda one: one.line)


def _fences(lines: list[str], prose: list[str]) -> Iterator[tuple[str, int, list[str]]]:
    """Give language, first line and lines of every fence.

    Args:
        lines: The page.
        prose: Gets every line that is in no fence, and blank ones for the others.
    """
    mark, language, first, inside = '', '', 0, []
    for number, line in enumerate(lines, 1):
        match = _FENCE.fullmatch(line)
        prose.append('' if mark or match else line)
        if not mark and match:
            mark, inside, first = match[1], [], number + 1
            language = re.split(r'[\s{:]', match[2].strip() + ' ')[0].lower()
            indent = len(line) - len(line.lstrip())
        elif mark and match and match[1].startswith(mark) and not match[2].strip():
            yield language, first, inside
            mark = ''
        elif mark:
            inside.append(line[indent:] if not line[:indent].strip() else line)


def _of_fence(page: str, language: str, first: int, lines: list[str]) -> list[Piece]:
    found, other = [], []
    prompted = any(line.startswith('$ ') for line in lines)
    number = 0
    while number < len(lines):
        line, start = lines[number], number
        number += 1
        if prompted or language == 'console':
            is_command, line = line.startswith('$ '), line.removeprefix('$ ')
        elif language:
            is_command = bool(line.strip()) and not line.lstrip().startswith('#')
        else:
            is_command = bool(COMMAND.fullmatch(line.removesuffix('\\').rstrip()))
            if not is_command and line.strip() and not line.startswith('#'):
                other.append(first + start)
        if not is_command:
            continue
        taken = [line]
        end = re.search(r"<<-?\s*['\"]?(\w+)", line)
        while number < len(lines) and (
            taken[-1].endswith('\\') or (end and taken[-1].strip() != end[1])
        ):
            taken.append(lines[number])
            number += 1
        found.append(Piece(page, first + start, '\n'.join(taken)))
    if found and other and not prompted and not language:
        raise NoClearRule(
            f'{page}:{other[0]}: this line stands in a fence with commands and does '
            f'not begin as one. Give the fence a language, or split it'
        )
    return found
