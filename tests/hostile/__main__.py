"""``python tests/hostile``: write the corpus, or give it to the entry points."""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from itertools import chain
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # not here: names of files are plain words


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add('words', nargs='*', help='all pairs whose names contain one of these words')
    add('--write', type=Path, metavar='OUT', help='only write the corpus')
    add('--all', action='store_true', help='all pairs instead of a selection')
    add('--brief', action='store_true', help='one or few pairs per entry point')
    add('--entry', nargs='+', help='only these entry points')
    add(
        '--at-once',
        type=int,
        default=3,
        metavar='N',
        help='processes (3)',
    )
    add(
        '--report',
        type=Path,
        metavar='FILE',
        help='write outcomes as JSON',
    )
    return parser.parse_args()


def main() -> int:
    """Run the command line."""
    args = parse_args()
    from hostile.launcher import fresh_environment

    fresh_environment()
    if args.write:
        from hostile.case import Corpus
        from hostile.writing import write_all

        corpus = Corpus(args.write)
        write_all(corpus, args.write / 'sound')
        print(f'{len(corpus.cases)} hostile files: {args.write}')
        return 0
    folder = Path(tempfile.mkdtemp(prefix='hostile'))
    try:
        return run(args, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(args: argparse.Namespace, folder: Path) -> int:
    """Run pairs, and report those with faults."""
    from hostile.entries import known_entries
    from hostile.launcher import Launcher
    from hostile.probes import APART, FOUND, probes
    from hostile.selecting import all_pairs, brief_pairs, some_pairs

    began = time.monotonic()
    launcher = Launcher(folder, args.at_once)
    print(f'{len(launcher.cases)} files, {time.monotonic() - began:.0f} s', flush=True)
    entries = {one.name: one for one in (*known_entries().values(), *probes())}
    if args.entry:
        entries = {name: entries[name] for name in args.entry}
    whole = all_pairs(launcher.cases, entries)
    choose = brief_pairs if args.brief else some_pairs
    pairs = whole if args.all else choose(launcher.cases, entries)
    if args.words:
        pairs = [
            (entry, case)
            for entry, case in whole
            if any(word in f'{entry.name} {case.name}' for word in args.words)
        ]
    needed = {entry.name: entry for entry, _ in pairs}
    sound = launcher.learn(needed.values())
    unsound = 0
    for one in sound:
        wrong = one.faults or (needed[one.entry].works and one.status != 0)
        unsound += bool(wrong)
        print(f'{"WRONG" if wrong else "sound"} {line(one)}', flush=True)
        if wrong:
            print(one.said)
    done, spent = [], Counter()
    began = time.monotonic()
    # Probes whose calls cannot be attributed to a process run separately. The slow
    # ones are among the first of the others.
    pairs.sort(key=lambda one: (one[0].name not in APART, one[0].kinds != ('probe',)))
    count = sum(entry.name in APART for entry, _ in pairs)
    for one in chain(launcher.run(pairs[:count]), launcher.run(pairs[count:])):
        done.append(one)
        spent[one.entry] += one.wall
        if one.faults or args.words:
            print(line(one), flush=True)
    # The faults of the probes, and no others, have to be found.
    faulty = sum(bool(one.faults) for one in done if one.entry not in FOUND)
    missed = [
        one.entry
        for one in done
        if one.entry in FOUND
        and not any(FOUND[one.entry] in text for text in one.faults)
    ]
    print(
        f'{faulty} of {sum(one.entry not in FOUND for one in done)} at fault, '
        f'{len(missed)} probes not seen, {time.monotonic() - began:.0f} s'
    )
    print(', '.join(f'{name} {took:.0f} s' for name, took in spent.most_common(8)))
    if args.report:
        told = {
            'cases': [asdict(case) for case in launcher.cases],
            'entries': {
                name: dict(kinds=one.kinds, works=one.works)
                for name, one in entries.items()
            },
            'sound': [asdict(one) for one in sound],
            'outcomes': [asdict(one) for one in done],
        }
        args.report.write_text(json.dumps(told))
    return bool(faulty or missed or unsound)


def line(one) -> str:
    """Write an outcome in one line."""
    last = (one.said.strip().splitlines() or [''])[-1]
    return (
        f'{one.entry} | {one.case} | {"; ".join(one.faults)} | {one.status}, '
        f'{one.seconds:.1f} s, {one.grew >> 20} MB | {last[:300]}'
    )


if __name__ == '__main__':
    sys.exit(main())
