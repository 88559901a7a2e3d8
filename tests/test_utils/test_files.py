import errno
import os
import socket

import pytest

from mmaction_mer.utils.files import open_regular, read_regular
from mmaction_mer.utils.text import QUOTE_LENGTH, quote


class Planted:
    """An object whose ``repr`` must not be called."""

    def __repr__(self):
        raise AssertionError('repr was called')


@pytest.mark.parametrize('value', [
    'x' * 10**7,
    b'x' * 10**7,
    ['x' * 1000] * 1000,
    {'k' * 1000 + str(number): 'v' * 1000 for number in range(100)},
    pytest.param(10**5000, id='digits'),
    Planted(),
    [{'a': Planted()}],
])  # fmt: skip
def test_quotes_are_short(value):
    assert len(quote(value)) <= QUOTE_LENGTH


def test_a_recursive_value_is_quoted():
    value: list = []
    for _ in range(10_000):
        value = [value]
    value.append(value)
    assert len(quote(value)) <= QUOTE_LENGTH


def test_short_values_are_quoted_completely():
    for value in ('sub01', 3, 0.5, None, True, ['a', {'b': (1, 2)}]):
        assert quote(value) == repr(value)


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / 'fifo')
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'link').symlink_to(tmp_path / 'fifo')
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / 'socket'))
    for name in ('fifo', 'folder', 'link', 'socket', 'missing'):
        with pytest.raises(OSError) as caught:
            open_regular(tmp_path / name)
        assert caught.value.filename == str(tmp_path / name)
    with pytest.raises(OSError):
        open_regular('/dev/zero')
    listening.close()


def test_a_file_is_read_up_to_the_limit(tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'12345')
    (tmp_path / 'link').symlink_to(path)
    assert read_regular(path, 5) == b'12345'
    assert read_regular(tmp_path / 'link', 5) == b'12345'
    with pytest.raises(OSError) as caught:
        read_regular(path, 4)
    assert caught.value.errno == errno.EFBIG
    assert caught.value.filename == str(path)
