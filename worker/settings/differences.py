"""What a changed configuration cannot bring about in a process that runs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.settings.loading import Settings

BUILT_ON = ("ledger", "broker", "worker")  # the sections that all else in a process is built on


def in_force(new: "Settings", old: "Settings") -> "Settings":
    """The new configuration with those sections of the old one."""
    return new.model_copy(update={section: getattr(old, section) for section in BUILT_ON})


def after_a_restart(new: "Settings", old: "Settings") -> Iterator[str]:
    """The options whose new value needs a new process: `worker.patience`."""
    for section in BUILT_ON:
        was, becomes = getattr(old, section), getattr(new, section)
        for option in type(was).model_fields:
            if getattr(was, option) != getattr(becomes, option):
                yield f"{section}.{option}"
