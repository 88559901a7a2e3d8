import fake_clips
import pytest


@pytest.fixture
def fake():
    """Return the module of helpers."""
    return fake_clips
