import pytest


@pytest.fixture(autouse=True, scope='module')
def quick(nothing_drawn):
    """No test here looks at pictures."""
