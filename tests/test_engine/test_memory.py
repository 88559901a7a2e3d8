"""Freed memory is kept where the C library can be told, and nowhere else."""

import platform

from mmaction_mer.engine.memory import keep_freed_memory


def test_only_glibc_is_told(monkeypatch):
    assert keep_freed_memory() == (platform.libc_ver()[0] == 'glibc')
    monkeypatch.setattr(platform, 'libc_ver', lambda: ('', ''))
    assert not keep_freed_memory()
