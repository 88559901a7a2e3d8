"""Files of NumPy: pickles, bombs and wrong headers."""

import io
import zipfile
from pathlib import Path

import numpy as np

from .bulk import write_zip
from .case import Corpus
from .planting import planted_calls

KINDS = 'weights'


def header(text: str, version: tuple[int, int] = (1, 0)) -> bytes:
    """The beginning of an .npy file, its header as given."""
    data = text.encode('latin-1') + b'\n'
    size = len(data).to_bytes(2 if version == (1, 0) else 4, 'little')
    return b'\x93NUMPY' + bytes(version) + size + data


def npy(shape: tuple[int, ...], dtype: str = '|u1') -> bytes:
    """The header of an array."""
    told = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    return header(told)


def write(corpus: Corpus) -> None:
    """Write the family."""

    def new(what: str, plants: str, file: str = 'weights.npz') -> Path:
        return corpus.new(f'arrays/{what}', file, KINDS, plants)

    full = 'arrays/object'
    call = planted_calls(corpus.marker(full))['os-system']
    np.savez(new('object', 'a call'), kernel=np.array([call], dtype=object))
    full = 'arrays/object-npy'
    call = planted_calls(corpus.marker(full))['os-system']
    path = new('object-npy', 'a call', 'weights.npy')
    np.save(path, np.array([call], dtype=object), allow_pickle=True)
    full = 'arrays/pickle-member'
    call = planted_calls(corpus.marker(full))['os-system']
    import pickle

    with zipfile.ZipFile(new('pickle-member', 'a call'), 'w') as archive:
        archive.writestr('kernel.npy', pickle.dumps(call))
    _member(
        new('header-code', 'a call'),
        header(
            f"__import__('os').system('touch {corpus.marker('arrays/header-code')}')"
        ),
    )
    _member(new('header-deep', 'recursion'), header('(' * 60_000 + ')' * 5, (2, 0)))
    write_zip(new('unpacks', 'memory'),
              {'kernel.npy': (npy((3 * 10**9,)), 3 * 10**9)})  # fmt: skip
    many = {f'k{n}.npy': (npy((4 * 10**8,)), 4 * 10**8) for n in range(10)}
    write_zip(new('unpacks-in-parts', 'memory'), many)
    _member(new('declared', 'memory'), npy((10**13,)) + bytes(100))
    _member(new('declared-gigabytes', 'memory'), npy((5 * 10**8,), '<f8') + bytes(100))
    _member(new('negative', 'wrong types'), npy((-5, 3)) + bytes(100))
    _member(new('too-many-axes', 'wrong types'), npy((1,) * 70) + bytes(100))
    _member(
        new('structured', 'wrong types'),
        header("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }")
        + bytes(8),
    )
    _member(new('long-strings', 'memory'), npy((10**4,), '<U100000') + bytes(100))
    with zipfile.ZipFile(new('many-members', 'time'), 'w') as archive:
        for number in range(20_000):
            archive.writestr(f'k{number}.npy', npy((1,)) + b'\0')
    whole = io.BytesIO()
    np.savez(whole, **{'../../escaped': np.zeros(3), 'a\x1b[31mPLANTED': np.zeros(2)})
    new('escaping-names', 'another path').write_bytes(whole.getvalue())


def _member(path: Path, data: bytes) -> None:
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('kernel.npy', data)
