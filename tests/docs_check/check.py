"""All pages: what is run, what is only listed, and how it went."""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from .commands import NoClearRule, Piece, read_page
from .pages import Result, run_page, run_shell, stop_all
from .provided import Provider
from .scratch import HERE, copy_tree, environment, tracked_files
from .shrinking import SUMMARY
from .tables import LISTED, Listed, listed, listed_page, missing_evidence


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Run every command of README.md and docs/ in a scratch copy of the '
        'working tree, on small stand-ins.'
    )
    parser.add_argument('--only', nargs='+', metavar='PAGE', help='check these pages')
    parser.add_argument('--list', action='store_true', help='say what there is to run')
    parser.add_argument('--keep', type=Path, help='an empty folder for the copies')
    parser.add_argument('--jobs', type=int, default=2, help='pages side by side (2)')
    parser.add_argument('--root', type=Path, default=HERE.parents[1])
    return parser.parse_args(arguments)


def find_pages(root: Path, only: Sequence[str] | None = None) -> list[Path]:
    """The pages, README first.

    Raises:
        SystemExit: A page asked for is none.
    """
    pages = [
        root / 'README.md',
        *sorted((root / 'docs').rglob('*.md')),
        *sorted((root / 'configs').glob('*/README.md')),
    ]
    pages = [page for page in pages if page.is_file()]
    if only is None:
        return pages
    asked = [(root / name).resolve() for name in only]
    known = [page.resolve() for page in pages]
    for name, page in zip(only, asked, strict=True):
        if page not in known:
            raise SystemExit(f'{name}: no such page of README.md and docs/')
    return [page for page in pages if page.resolve() in asked]


def sort_out(
    root: Path, pages: Sequence[Path]
) -> tuple[dict[str, list[Piece]], list[tuple[Piece, Listed]], list[str]]:
    """Read the pages.

    Returns:
        What is run, by page; what is listed with its row; and what is wrong.
    """
    run: dict[str, list[Piece]] = {}
    apart, wrong = [], []
    for page in pages:
        try:
            found = read_page(page, root)
        except NoClearRule as error:
            wrong.append(str(error))
            continue
        for piece in found:
            row = listed_page(piece) or (
                listed(piece.text) if piece.kind == 'command' else None
            )
            if row is None:
                run.setdefault(piece.page, []).append(piece)
            else:
                apart.append((piece, row))
                trouble = missing_evidence(row, root)
                if trouble:
                    wrong.append(
                        f'{piece.where}: listed as "{row.reason}", but {trouble}'
                    )
    return run, apart, wrong


@contextlib.contextmanager
def fork_server(scratch: Path, path: Path) -> Iterator[None]:
    """A server of forks that has imported the package of a scratch copy."""
    env = environment(scratch, path)
    env['PYTHONPATH'] += f':{HERE.parent}'
    del env['DOCS_CHECK_SOCKET']
    command = [sys.executable, '-m', 'docs_check.fork_server', str(path)]
    process = subprocess.Popen(command, cwd=scratch, env=env)
    try:
        while not path.exists():
            if process.poll() is not None:
                raise SystemExit('the package cannot be imported; see above')
            time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


def run_all(
    root: Path, run: dict[str, list[Piece]], folder: Path, jobs: int
) -> list[Result]:
    """Run what is to be run, some pages side by side, the longest first.

    Args:
        root: The working tree.
        run: Pieces by page.
        folder: Gets the copies.
        jobs: How many pages.

    Returns:
        How each piece ended.
    """
    names = tracked_files(root)
    # Whoever works on the tree meanwhile, all pages see one state of it.
    makers = copy_tree(root, folder / 'provided', names)
    root = copy_tree(root, folder / 'tree', names)
    # Addresses of sockets are short.
    with tempfile.TemporaryDirectory(prefix='mer') as short:
        socket = Path(short, 'fork')

        def make(command: str) -> None:
            trouble = run_shell(command, makers, environment(makers, socket))
            if trouble:
                raise RuntimeError(f'{command}: {trouble}')

        provider = Provider(makers, make)
        results: list[Result] = []
        count = sum(map(len, run.values()))
        with fork_server(makers, socket), tqdm(total=count, unit='command') as bar:

            def done(result: Result) -> None:
                results.append(result)
                state = 'FAILED' if result.trouble else f'{result.seconds:5.1f} s'
                text = ' '.join(result.piece.text.split())
                bar.write(f'{state}  {result.piece.where}: {text[:110]}')
                if result.trouble:
                    bar.write(result.trouble)
                bar.update()

            def one(page: str) -> None:
                scratch = copy_tree(root, folder / page.replace('/', '_'), names)
                run_page(
                    run[page], scratch, environment(scratch, socket), provider, done
                )

            pages = sorted(run, key=lambda page: len(run[page]), reverse=True)
            with ThreadPoolExecutor(jobs) as pool:
                try:
                    list(pool.map(one, pages))
                except BaseException:
                    stop_all()
                    pool.shutdown(cancel_futures=True)
                    raise
    return results


def say(
    results: Sequence[Result],
    apart: Sequence[tuple[Piece, Listed]],
    wrong: Sequence[str],
    seconds: float,
) -> int:
    """Print the summary; gives the exit status."""
    print('\nMade small for this check, so that no output of it is a result:')
    print(*(f'  {line}' for line in SUMMARY), sep='\n')
    say_listed(apart)
    failed = [result for result in results if result.trouble]
    for result in failed:
        print(f'\nFAILED {result.piece.where}\n  {result.piece.text}\n{result.trouble}')
    for line in wrong:
        print(f'\nWRONG {line}')
    blocks = sum(result.piece.kind == 'python' for result in results)
    print(
        f'\n{len(results) - blocks} commands and {blocks} Python blocks run, '
        f'{len(failed)} failed; {len(apart)} listed; {len(wrong)} otherwise wrong; '
        f'{seconds:.0f} s, of which the processors worked {worked():.0f} s'
    )
    return 1 if failed or wrong else 0


def worked() -> float:
    """Seconds of processor that this process and all that it started have taken."""
    return sum(os.times()[:4])


def say_listed(apart: Sequence[tuple[Piece, Listed]]) -> None:
    """Print what is not run, with the reason."""
    print(f'\nNot run here ({len(apart)}):')
    for piece, row in apart:
        text = ' '.join(piece.text.split())[:70]
        print(f'  {piece.where}: {text}\n      {row.reason}')


def main(arguments: Sequence[str] | None = None) -> int:
    """Check; gives the exit status."""
    args = parse_args(arguments)
    root = args.root.resolve()
    run, apart, wrong = sort_out(root, find_pages(root, args.only))
    if args.only is None:
        used = {row.pattern for _, row in apart}
        wrong += [
            f'tables.py: nothing on any page is {row.pattern!r} any more'
            for row in LISTED
            if row.pattern not in used
        ]
    if args.list:
        for found in run.values():
            for piece in found:
                print(f'{piece.where}: {piece.kind}: {piece.text}')
        say_listed(apart)
        for line in wrong:
            print(f'\nWRONG {line}')
        return 1 if wrong else 0
    started = time.monotonic()
    # Ended from without as by Ctrl-C: nothing is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
        results = run_all(root, run, args.keep.resolve(), args.jobs)
    else:
        with tempfile.TemporaryDirectory(prefix='docs-check-') as folder:
            results = run_all(root, run, Path(folder), args.jobs)
    return say(results, apart, wrong, time.monotonic() - started)
