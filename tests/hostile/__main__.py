"""``python tests/hostile``: write the corpus, or run the entry points over it."""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # not here: names of files are plain words


def main() -> int:
    """Do what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('words', nargs='*', help='entries or files whose name has one')
    parser.add_argument(
        '--write', type=Path, metavar='OUT', help='write the corpus alone'
    )
    parser.add_argument(
        '--all', action='store_true', help='every pair, not a selection'
    )
    parser.add_argument('--entry', nargs='+', help='these entry points alone')
    parser.add_argument('--at-once', type=int, default=2)
    parser.add_argument('--list', action='store_true', help='list the pairs')
    parser.add_argument('--faults', type=Path, help='add faults to this file')
    args = parser.parse_args()
    from hostile.launcher import Launcher, fresh_environment, program_of

    fresh_environment()
    if args.write:
        from hostile.case import Corpus
        from hostile.writing import write_all

        corpus = Corpus(args.write)
        write_all(corpus, args.write / 'sound')
        print(f'{len(corpus.cases)} hostile files: {args.write}')
        return 0
    from hostile.selecting import all_pairs, some_pairs

    with tempfile.TemporaryDirectory(prefix='hostile') as folder:
        began = time.monotonic()
        launcher = Launcher(Path(folder), args.at_once)
        print(f'{len(launcher.cases)} files, {time.monotonic() - began:.0f} s')
        entries = {one.name: one for one in program_of(args.entry or ())}
        pairs = (all_pairs if args.all else some_pairs)(launcher.cases, entries)
        if args.words:
            pairs = [
                (entry, case)
                for entry, case in (all_pairs(launcher.cases, entries))
                if any(word in f'{entry.name} {case.name}' for word in args.words)
            ]
        if args.list:
            print('\n'.join(f'{entry.name} {case.name}' for entry, case in pairs))
            return 0
        needed = {entry.name: entry for entry, _ in pairs}
        for one in launcher.learn(needed.values()):
            works = needed[one.entry].works
            wrong = one.faults or (works and one.status != 0)
            mark = 'WRONG' if wrong else 'sound'
            print(f'{mark} {one.entry}: {one.status}, {one.seconds:.1f} s, '
                  f'{one.grew >> 20} MB {one.faults} '
                  f'{one.said[-600:] if wrong else ""}', flush=True)  # fmt: skip
        began, counts, spent = time.monotonic(), Counter(), Counter()
        for one in launcher.run(pairs):
            counts['faulty' if one.faults else 'clean'] += 1
            spent[one.entry] += one.wall
            if one.faults or args.words:
                last = one.said.strip().splitlines()[-1:] or ['']
                line = (f'{one.entry} | {one.case} | {"; ".join(one.faults)} | '
                        f'{one.status}, {one.seconds:.1f} s, {one.grew >> 20} MB | '
                        f'{last[0][:300]}')  # fmt: skip
                print(line, flush=True)
                if args.faults and one.faults:
                    with args.faults.open('a') as file:
                        file.write(line + '\n')
        print(counts, f'{time.monotonic() - began:.0f} s')
        print({name: round(took, 1) for name, took in spent.most_common(12)})
    return bool(counts['faulty'])


if __name__ == '__main__':
    sys.exit(main())
