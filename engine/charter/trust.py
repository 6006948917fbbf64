"""Whom we believe and what we give away: signatures, secrets, addresses, credentials.

A rule here never shows the text it found; a finding ends in logs and in pull requests.
"""

from collections.abc import Iterator

from engine.charter.look import charters, finding, integrations, system_of, systems
from engine.errors import Fault
from engine.spec import shape, yaml
from engine.spec.secret_text import looks_like_secret
from engine.spec.steps import every_step
from engine.spec.workspace import Workspace

SECRET_PLACES = ("auth", "webhooks.verify.secret")
"""Where a system's secrets stand: a text there is the reader's fault `literal-secret`."""


def unsigned_webhook(workspace: Workspace) -> Iterator[Fault]:
    """A webhook nobody verifies lets everybody who knows the path place orders: it must not start."""
    for document, spec in integrations(workspace):
        found = system_of(workspace, spec.receive.webhook.system) if spec.receive.webhook else None
        if found is None:
            continue
        sender = found[1]
        if sender.webhooks is None or sender.webhooks.verify is None:
            message = f"nothing verifies what comes in: system `{sender.system}` declares no `webhooks.verify`"
            hint = f"in {found[0].file} write `webhooks: {{verify: {{scheme: …, secret: {{secret: NAME}}}}}}`"
            yield finding("unsigned-webhook", document, "receive.webhook", message, hint, "error")


def secret_in_text(workspace: Workspace) -> Iterator[Fault]:
    """No credential stands in a file that is committed, wherever in it."""
    documents = (workspace.systems, workspace.mappings, workspace.integrations, workspace.models)
    everything = [workspace.charter] if workspace.charter else []
    everything += [document for group in documents for document in group.values()]
    for document in everything:
        for node, path in scalars(document.node, ""):
            if path.startswith(SECRET_PLACES) and document.file.startswith("charter/systems/"):
                continue
            what = looks_like_secret(node.text)
            if what:
                hint = "write {secret: NAME} where a secret is read, and change this one: it was written down"
                yield Fault("secret-in-text", node.mark, path, f"this looks like {what}", hint, "warning")


def scalars(node: yaml.Node, path: str) -> Iterator[tuple[yaml.Scalar, str]]:
    """Every key and value of a document, with the path of what it belongs to."""
    if isinstance(node, yaml.Scalar):
        yield node, path
    elif isinstance(node, yaml.Sequence):
        for place, item in enumerate(node.items):
            yield from scalars(item, f"{path}[{place}]")
    else:
        for name, value in node.entries:
            where = f"{path}.{name.text}" if path else name.text
            yield name, path
            yield from scalars(value, where)


def insecure_address(workspace: Workspace) -> Iterator[Fault]:
    """Outside `local` a partner is called over TLS, or credentials and customers' data travel in the clear."""
    for document, system in systems(workspace):
        for environment, address in system.base_url.items():
            if environment != "local" and isinstance(address, str) and address.lower().startswith("http://"):
                message = f"`{environment}` calls {system.system} without TLS"
                hint = "write https://; a plain address is for `local`"
                yield finding("insecure-address", document, f"base_url.{environment}", message, hint)


def address_missing(workspace: Workspace) -> Iterator[Fault]:
    """A system that is called has an address in every environment, or the engine does not start there."""
    called = {
        provider.partition(".")[0]
        for _, spec in integrations(workspace)
        for _, step in every_step(spec.steps)
        for provider in step.providers
    }
    for _, charter in charters(workspace):
        for document, system in systems(workspace):
            missing = [name for name in charter.environments if name not in system.base_url]
            if system.system in called and missing:
                message = f"{system.system} is called, and has no `base_url` in {', '.join(missing)}"
                hint = f"add `{missing[0]}: https://…`, or {{env: NAME}} where the address is only known there"
                yield finding("address-missing", document, "base_url", message, hint)


def rotation_unknown(workspace: Workspace) -> Iterator[Fault]:
    """A credential says when it was changed and how often it must be; one without the other decides nothing."""
    for document, system in systems(workspace):
        for name, credential in system.credentials.items():
            missing = [
                word
                for word, value in (("rotated", credential.rotated), ("rotate_every", credential.rotate_every))
                if value is None
            ]
            if missing:
                message = f"credential {name} does not say {' and '.join(f'`{word}`' for word in missing)}"
                hint = "write both: {rotated: YYYY-MM-DD, rotate_every: 90d}"
                yield finding("rotation-unknown", document, f"credentials.{name}", message, hint)


def credential_unused(workspace: Workspace) -> Iterator[Fault]:
    """What is listed under `credentials` is a secret that the system uses."""
    for document, system in systems(workspace):
        used = {secret.name for secret, _ in secrets_of(system)}
        for name in system.credentials:
            if name not in used:
                message = f"credential {name} is listed, and nothing in this file uses it"
                yield finding("credential-unused", document, f"credentials.{name}", message, "remove it", "note")


def credential_undeclared(workspace: Workspace) -> Iterator[Fault]:
    """Where a system lists its credentials, it lists all of them: the one left out is never rotated."""
    for document, system in systems(workspace):
        for secret, path in secrets_of(system):
            if system.credentials and secret.name not in system.credentials:
                message = f"secret {secret.name} is used, and `credentials` says nothing of it"
                hint = f"add `{secret.name}: {{scopes: […], rotated: YYYY-MM-DD, rotate_every: 90d}}` to `credentials`"
                yield finding("credential-undeclared", document, path, message, hint, "note")


def secrets_of(system: shape.System) -> Iterator[tuple[shape.SecretName, str]]:
    """Every secret a system refers to, and where."""
    auth = system.auth
    if auth is not None:
        if auth.bearer is not None:
            yield auth.bearer, "auth.bearer"
        for name, secret in (auth.header or {}).items():
            yield secret, f"auth.header.{name}"
        if auth.basic is not None:
            if isinstance(auth.basic.user, shape.SecretName):
                yield auth.basic.user, "auth.basic.user"
            yield auth.basic.password, "auth.basic.password"
    if system.webhooks is not None and system.webhooks.verify is not None:
        for secret in system.webhooks.verify.secret:
            yield secret, "webhooks.verify.secret"
