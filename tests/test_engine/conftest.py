import pytest
from settings import one_thread


@pytest.fixture(autouse=True)
def few_threads():
    """Runs are compared to the last digit, which depends on the number of threads."""
    with one_thread():
        yield
