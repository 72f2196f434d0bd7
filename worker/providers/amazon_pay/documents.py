"""XML of the provider, read defensively, by local names: the namespace comes in two spellings."""

import re
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

Plain = str | list["Plain"] | dict[str, "Plain"]

_DEPTH = 8  # of the provider's own documents: 6
_LISTS = frozenset({"Constraints", "IdList"})


def read_document(body: bytes) -> Element | None:
    """The root element, or None if the body is no XML, or XML that nobody should expand."""
    try:
        return fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return None


def local_name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def find(element: Element | None, *path: str) -> Element | None:
    """The first descendant by local names, one level each."""
    for name in path:
        if element is None:
            return None
        element = next((child for child in element if local_name(child) == name), None)
    return element


def text(element: Element | None, *path: str) -> str | None:
    """The stripped text of a descendant; None if there is none or it is empty."""
    found = find(element, *path)
    return ((found.text or "").strip() or None) if found is not None else None


def plain(element: Element, depth: int = _DEPTH) -> Plain:
    """An element as JSON-able values: `OrderTotal/CurrencyCode` is `order_total.currency_code`.

    Unknown children are kept; what is nested too deeply is dropped.
    """
    if depth == 0:
        return {}
    children = [(child, plain(child, depth - 1)) for child in element]
    if local_name(element) in _LISTS:
        return [value for _, value in children]
    if not children:
        return (element.text or "").strip()
    return {_snake(local_name(child)): value for child, value in children}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
