"""The answer's envelope, in XML or JSON, read into one shape.

Page: "Response format" of the Seller Center documentation. Both formats end in the JSON shape,
in which an element that may repeat is one object when single, a list when several, and `""`,
`[]`, `{}` or nothing at all when there is none. `text` and `children` read that shape and do
not care which of them it was. The format is seen from the answer, not from the request: an
error can come before the server has read what was asked for.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

DEEPEST = 12  # levels; an order item's fields are on the sixth


class Unreadable(ValueError):
    """The body is not an answer of Seller Center: a gateway's page, plain text, cut short."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """`success` is the name of the root; `body` is whatever stood under `Body`, or None."""

    success: bool
    head: Mapping[str, object] = field(default_factory=dict)
    body: object = None


def read_document(body: bytes) -> Envelope:
    """Read a SuccessResponse or an ErrorResponse. Raises Unreadable for all else."""
    tree = _from_json(body) if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else None
    if tree is None:
        tree = _from_xml(body)
    if not isinstance(tree, dict) or len(tree) != 1:
        raise Unreadable("neither a SuccessResponse nor an ErrorResponse")
    ((root, content),) = tree.items()
    if root not in ("SuccessResponse", "ErrorResponse"):
        raise Unreadable("neither a SuccessResponse nor an ErrorResponse")
    head = child(content, "Head")
    return Envelope(
        success=root == "SuccessResponse",
        head=head if isinstance(head, dict) else {},
        body=child(content, "Body"),
    )


def child(node: object, name: str) -> object:
    """What stands under `name`, or None when there is no such thing or no object to look in."""
    return node.get(name) if isinstance(node, dict) else None


def children(node: object, name: str) -> list[object]:
    """What stands under `name` as a list: several, one, or none in any of its spellings."""
    found = child(node, name)
    if isinstance(found, list):
        return found
    return [] if is_empty(found) else [found]


def text(node: object, name: str) -> str:
    """The text under `name` without blanks around it; numbers as text, `""` for none.

    What no database stores, a NUL or half a surrogate pair (JSON can spell both), is replaced.
    """
    found = child(node, name)
    if isinstance(found, bool) or not isinstance(found, (str, int, float)):
        return ""
    return str(found).encode(errors="replace").decode().replace("\0", "?").strip()


def is_empty(node: object) -> bool:
    """Whether nothing is there, however it is spelt: missing, `""`, `[]`, `{}`, blanks."""
    return not node.strip() if isinstance(node, str) else node in (None, [], {})


def _from_json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("JSON that cannot be read") from error


def _from_xml(body: bytes) -> object:
    try:
        root = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Unreadable("neither XML nor JSON") from error
    return {_name(root): _plain(root, DEEPEST)}


def _plain(element: Element, levels: int) -> object:
    if levels == 0:
        raise Unreadable("XML deeper than any answer")
    if len(element) == 0:
        return element.text or ""
    fields: dict[str, object] = {}
    several: set[str] = set()
    for part in element:
        name, value = _name(part), _plain(part, levels - 1)
        before = fields.get(name)
        if name in several and isinstance(before, list):
            before.append(value)
        elif name in fields:
            several.add(name)
            fields[name] = [before, value]
        else:
            fields[name] = value
    return fields


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
