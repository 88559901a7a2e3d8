"""The check, on the data sets themselves, that a fold leaks no subject."""

from collections.abc import Collection
from typing import Any

from mmengine.hooks import Hook

from ...utils.errors import ConfigError, MERDataError


class SubjectLeakageError(ConfigError, MERDataError):
    """A data set does not follow the split: no fold of its config may be trained."""


class SubjectGuardHook(Hook):
    """Check that no subject is both trained on and evaluated on.

    Args:
        held_out: The subjects that the fold tests on.
    """

    def __init__(self, held_out: Collection[str]) -> None:
        self.held_out = set(held_out)

    def before_train(self, runner) -> None:
        """Compare the training set with the held-out and the validation subjects."""
        training = set(clip_subjects(runner.train_dataloader.dataset))
        check_subjects(training & self.held_out, 'trained on and held out')
        if runner.val_loop is not None:
            validation = set(clip_subjects(runner.val_dataloader.dataset))
            check_subjects(training & validation, 'trained on and validated on')

    def before_test(self, runner) -> None:
        """Compare the test set with the held-out subjects."""
        tested = set(clip_subjects(runner.test_dataloader.dataset))
        check_subjects(tested - self.held_out, 'tested on and not held out')


def check_subjects(subjects: set[str], what: str) -> None:
    """Check that there are no subjects that a data set must not contain.

    Args:
        subjects: The subjects that it contains and must not.
        what: What would happen to them, for the message.

    Raises:
        SubjectLeakageError: There are such subjects.
    """
    if subjects:
        raise SubjectLeakageError(
            f'subject(s) {", ".join(sorted(subjects))} would be {what}',
            hint='the data set of the config does not follow held_out, inner, and side',
        )


def clip_subjects(dataset: Any) -> list[str]:
    """List the subject of each clip that a data set contains."""
    return [dataset.get_data_info(index)['subject'] for index in range(len(dataset))]
