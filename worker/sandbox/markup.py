"""XML and JSON from one structure of dicts, lists and text.

A dict is an element's children, a list repeats its element, None leaves the element out and
an empty text is an empty element.
"""

import re
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

Node = None | str | Mapping[str, "Node"] | Sequence["Node"]

UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml(name: str, node: Node, attributes: str = "") -> str:
    """One element, or several beside each other for a list."""
    if node is None:
        return ""
    if isinstance(node, str):
        content = escape(UNPRINTABLE.sub("\ufffd", node))
    elif isinstance(node, Mapping):
        content = "".join(xml(child, value) for child, value in node.items())
    else:
        return "".join(xml(name, member, attributes) for member in node)
    return f"<{name}{attributes}>{content}</{name}>" if content else f"<{name}{attributes}/>"


def plain(node: Node, *, single_as_object: bool) -> object:
    """The same structure for JSON; a list of one becomes its member if asked for."""
    if node is None or isinstance(node, str):
        return node
    if isinstance(node, Mapping):
        return {
            name: plain(value, single_as_object=single_as_object)
            for name, value in node.items()
            if value is not None
        }
    members = [plain(member, single_as_object=single_as_object) for member in node]
    return members[0] if single_as_object and len(members) == 1 else members
