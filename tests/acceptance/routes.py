"""Every route of the web asked, from its own table of them: a page that is new is asked, too."""

from dataclasses import dataclass
from itertools import product
from urllib.parse import quote

from fastapi.routing import iter_route_contexts


@dataclass(frozen=True)
class Asked:
    """One request and its answer, `path` as the route has it."""

    method: str
    path: str
    url: str
    answer: object

    @property
    def told(self):
        """All that came back, headers too."""
        headers = "\n".join(f"{name}: {value}" for name, value in self.answer.headers.items())
        return f"{headers}\n{self.answer.text}"


def walk(app, client, names, queries=("",), bodies=(None,), methods=("GET", "POST")):
    """Ask every route with each name of its parameters, each query and each body.

    `names` has a list for each word in braces; a route with another word is one to think about.
    """
    for route in iter_route_contexts(app.routes):
        words = [part.partition(":")[0] for part in _in_braces(route.path)]
        asked = sorted(set(methods) & route.methods)
        every = product(*(names[word] for word in words)) if asked else ()
        for method, values in product(asked, every):
            parts = dict(zip(words, values, strict=True))
            url = route.path.replace(":path}", "}").format(
                **{word: quote(value, safe="") for word, value in parts.items()}
            )
            for query, body in product(queries, bodies if method == "POST" else (None,)):
                answer = client.request(method, url + query, **(body or {}))
                yield Asked(method, route.path, url + query, answer)


def _in_braces(path):
    return [part.partition("}")[0] for part in path.split("{")[1:]]
