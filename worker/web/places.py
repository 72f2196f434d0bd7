"""Which order a path names. Both names may have a slash in them, which a link writes as %2F: what
a route is chosen by is decoded, and does not say any more where the seller ends.
"""

from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends
from starlette.requests import Request

Named = tuple[str, str]  # seller, order


def _named(request: Request, seller: str, order_id: str) -> Named:
    decoded = request.scope["path"]
    whole = f"/orders/{seller}/{order_id}"
    before, _, after = decoded.partition(whole)
    sent = request.scope.get("raw_path", b"").decode("ascii", "replace")
    parts = sent.split("/")[before.count("/") + 2 :]
    names = parts[: len(parts) - after.count("/")]
    if len(names) < 2:  # noqa: PLR2004 - whoever sent it has written the slash between them so, too
        return seller, order_id
    return unquote(names[0]), unquote("/".join(names[1:]))


OrderNamed = Annotated[Named, Depends(_named)]
