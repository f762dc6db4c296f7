"""The metaschemas of the drafts and their vocabularies, for references that lead to them.

Purpose: ``{"$ref": "http://json-schema.org/draft-07/schema#"}`` works without a registry.  The documents are those
of the ``jsonschema-specifications`` package.
Place: asked by `references` when neither the schema nor the caller's registry holds a URI.
Cost: nothing until the first such reference; then the package is imported, about 10 ms once in a process.
Not taken: a copy of the documents in this package, which would have to be kept in step.
"""

from __future__ import annotations

from typing import Any, Final

_AUTHORITIES: Final = ("http://json-schema.org/", "https://json-schema.org/")


def metaschema(uri: str) -> Any:
    """The document of a metaschema or a vocabulary by its URI without a fragment; None for any other URI."""
    if not uri.startswith(_AUTHORITIES):
        return None
    from jsonschema_specifications import REGISTRY

    try:
        return REGISTRY.contents(uri)
    except LookupError:
        return None
