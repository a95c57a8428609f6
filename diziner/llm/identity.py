"""Identity of a model: whether the one that answers is the one that answered before."""

from __future__ import annotations

from collections.abc import Set

from diziner.endpoints import Endpoint, Identity
from diziner.prompting.request import Response


def changed_identity(endpoint: Endpoint, model: str, known: Set[Identity], response: Response) -> str | None:
    """Return what to say if a response is not by the model that answered before; None if it is, or nobody looks.

    `known` are the models and fingerprints that it has answered under.
    """
    reported, fingerprint = endpoint.backend.identity(response)
    models = {name for name, _ in known if name}
    prints = {print_ for name, print_ in known if print_ and name == reported}
    if endpoint.identity == "off" or not reported:
        return None
    if models and reported not in models:
        was, is_ = ", ".join(sorted(models)), reported
    elif endpoint.identity == "fingerprint" and prints and fingerprint and fingerprint not in prints:
        was, is_ = f"{reported} ({', '.join(sorted(prints))})", f"{reported} ({fingerprint})"
    else:
        return None
    return (
        f"endpoint {endpoint.name}: {model} is not the model that answered before: it was {was}, "
        f"now it says {is_}; set another `revision` for it in params.yaml to ask everything anew, or "
        f"endpoints.{endpoint.name}.identity to off to mix the two"
    )
