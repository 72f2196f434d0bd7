"""URLs for people and logs: without what may be a password."""

import re
from urllib.parse import unquote

SQLITE = "sqlite:///"
SECRET_WORD = re.compile(r"pass|secret|token|pwd", re.IGNORECASE)

# Everything up to the last "@": a password with an "@" or "/" of its own that nobody encoded
# must be hidden all the same, and so must one in a URL whose scheme was forgotten.
_USERINFO = re.compile(r"^([A-Za-z0-9+.-]+://)?(?:([^:@]*)(:))?(.+)@", re.DOTALL)
_OPTION = re.compile(r"([?&;])([^?=&;#]*)=([^&;#]*)")


def masked(text: str) -> str:
    """The URL with *** in the place of everything that may be a password."""
    if not text.startswith(SQLITE):  # a path, which may hold an "@"
        text = _USERINFO.sub(lambda m: f"{m[1] or ''}{m[2] or ''}{m[3] or ''}***@", text)
    return _OPTION.sub(_without_secret, text)


def _without_secret(option: re.Match[str]) -> str:
    mark, name, _ = option.groups()
    return f"{mark}{name}=***" if SECRET_WORD.search(unquote(name)) else option[0]
