"""Reuse of freed memory, and available memory."""

import platform

import torch

from mmaction_mer.utils import memory
from mmaction_mer.utils.memory import available_memory, keep_freed_memory


def test_only_glibc_has_the_option(monkeypatch):
    assert keep_freed_memory() == (platform.libc_ver()[0] == 'glibc')
    monkeypatch.setattr(platform, 'libc_ver', lambda: ('', ''))
    assert not keep_freed_memory()


def test_a_container_limits_what_is_available(monkeypatch):
    files = {'/proc/meminfo': 'MemTotal: 9000 kB\nMemAvailable:    4000 kB\n'}
    monkeypatch.setattr(memory, '_read', lambda path: files.get(path, ''))
    cpu = torch.device('cpu')
    assert available_memory(cpu) == 4000 * 1024
    files['/sys/fs/cgroup/memory.max'] = '2000000\n'
    files['/sys/fs/cgroup/memory.current'] = '700000\n'
    assert available_memory(cpu) == 1300000
    files['/sys/fs/cgroup/memory.max'] = 'max\n'
    assert available_memory(cpu) == 4000 * 1024
    files.clear()
    assert available_memory(cpu) > 0
