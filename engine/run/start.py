"""What only a start needs: addresses, secrets, verified routes. Everything that is missing is told at once."""

import os
from collections.abc import Mapping

from engine.errors import Fault, Mark, UserError
from engine.rules.signature import Verification, secret_problem
from engine.run.intake import Route
from engine.run.live import LiveSystem
from engine.run.load import Loaded
from engine.spec import shape
from engine.wire.exchange import base_url_faults
from engine.wire.http_client import SystemAddress, address_faults
from engine.wire.secrets import Secret, read_secret
from engine.wire.sign_in import Auth, Basic, Bearer, Header

CONNECTIONS_MAX = 1_000
"""Connections to one system at most. Workers are the limit that counts: no call spends its deadline in a queue."""


class Needs:
    """Resolves settings and secrets of the process's environment and gathers what is missing, all of it."""

    def __init__(self) -> None:
        self.problems: list[tuple[Mark, str]] = []

    def lack(self, mark: Mark, problem: str) -> None:
        """What is missing, or of no use, and where it is asked for."""
        self.problems.append((mark, problem))

    def secret(self, name: shape.SecretName) -> Secret:
        try:
            secret = read_secret(name.name)
        except UserError as error:
            self.lack(name.mark, str(error))
            return Secret("")
        if secret is None:
            self.lack(
                name.mark,
                f"there is no secret {name.name}: put it into the file {name.name} of the folder in WAYBILL_SECRETS,"
                f" or set WAYBILL_SECRET_{name.name}",
            )
        return secret or Secret("")

    def setting(self, setting: shape.Setting) -> str:
        if isinstance(setting, str):
            return setting
        value = os.environ.get(setting.name, "")
        if not value:
            self.lack(setting.mark, f"the environment variable {setting.name} is not set")
        return value

    def settle(self) -> None:
        """Raises UserError with everything that was missing, in the order in which it stands in the files: so whoever
        mends it goes through them once, however the parts of a start came upon it."""
        if self.problems:
            found = sorted(self.problems, key=lambda one: (one[0].file, one[0].line, one[0].column))
            raise UserError("\n".join(dict.fromkeys(f"{mark}: {problem}" for mark, problem in found)))


def addresses(loaded: Loaded) -> dict[str, SystemAddress]:
    """System name → how it is reached in this environment. Raises UserError with all that is missing."""
    needs = Needs()
    found = find_addresses(loaded, needs)
    needs.settle()
    return found


def addresses_and_routes(loaded: Loaded) -> tuple[dict[str, SystemAddress], dict[str, Route]]:
    """All that a start needs. Raises UserError with all that is missing, of both."""
    needs = Needs()
    found = find_addresses(loaded, needs), find_routes(loaded, needs)
    needs.settle()
    return found


def find_addresses(loaded: Loaded, needs: Needs) -> dict[str, SystemAddress]:
    """Those of the systems that the newest plans call, which all must have one; and of the others those that have one.
    An event stays with the plan it came under: what only an older one calls must still be called."""
    found = {}
    called = loaded.called
    for name in sorted(loaded.workspace.systems):
        its = needs if name in called else Needs()
        address = find_address(loaded, name, its)
        if address is not None and (name in called or not (its.problems or address_faults(address))):
            found[name] = address
    return found


def find_address(loaded: Loaded, name: str, needs: Needs) -> SystemAddress | None:
    system = loaded.shape(name)
    base = system.base_url.get(loaded.environment)
    if base is None:
        mark = loaded.workspace.systems[name].mark("base_url")
        needs.lack(mark, f"no base_url for environment `{loaded.environment}`")
        return None
    assert loaded.workspace.charter is not None
    charter: shape.Charter = loaded.workspace.charter.content
    allowed = charter.environments[loaded.environment].private_networks
    url = needs.setting(base)
    if isinstance(base, shape.EnvironmentName) and url:
        for fault in base_url_faults(url):
            needs.lack(base.mark, f"the environment variable {base.name} gives no address that can be called: {fault}")
    return SystemAddress(
        base_url=url,
        auth=sign_in(system.auth, needs),
        timeout_s=system.timeout.seconds,
        private_networks=allowed == "allow" or (allowed is None and loaded.environment == "local"),
        connections_max=CONNECTIONS_MAX,
    )


def reached(loaded: Loaded, found: Mapping[str, SystemAddress]) -> dict[str, LiveSystem]:
    """The settings of the systems that have an address: events that call another one wait for a person."""
    return {name: loaded.systems[name] for name in found}


def sign_in(auth: shape.Auth | None, needs: Needs) -> Auth:
    if auth is None:
        return None
    if auth.bearer is not None:
        return Bearer(needs.secret(auth.bearer))
    if auth.header is not None:
        return Header({name: needs.secret(secret) for name, secret in auth.header.items()})
    assert auth.basic is not None
    user = auth.basic.user
    text = needs.secret(user).reveal() if isinstance(user, shape.SecretName) else needs.setting(user)
    return Basic(text, needs.secret(auth.basic.password))


def find_routes(loaded: Loaded, needs: Needs) -> dict[str, Route]:
    """Path → Route of those that receive webhooks. A webhook's secret that is missing, empty or too short to protect
    anything is a need."""
    found = {}
    for plan in (plan for plan in loaded.plans.values() if plan.receive.path):
        webhooks = loaded.shape(plan.receive.system).webhooks
        assert webhooks is not None
        assert webhooks.verify is not None  # a finding forbids the start otherwise
        secrets = []
        for name in webhooks.verify.secret:
            before = len(needs.problems)
            value = needs.secret(name).reveal().encode()
            problem = secret_problem(value)
            if problem and len(needs.problems) == before:
                needs.lack(name.mark, f"secret {name.name}: {problem}")
            secrets.append(value)
        verify = webhooks.verify
        verification = Verification(
            scheme=verify.scheme,
            header=verify.header or "",
            encoding=verify.encoding or "base64",
            secrets=tuple(secrets),
        )
        answer = webhooks.answer
        found[plan.receive.path] = Route(
            plan, verification, answer.status if answer else 202, answer.text if answer else None
        )
    return found


def changed_versions(loaded: Loaded, kept: Mapping[tuple[str, int], str]) -> tuple[Fault, ...]:
    """Faults for integrations whose content changed under a version that the store knows otherwise."""
    faults = []
    for name, plan in loaded.plans.items():
        if kept.get((name, plan.version), plan.hash) != plan.hash:
            mark = loaded.workspace.integrations[name].mark("version")
            faults.append(
                Fault(
                    "version-unchanged",
                    mark,
                    "version",
                    f"the spec, a mapping, a contract or an operation changed, and version is still {plan.version}",
                    f"write `version: {plan.version + 1}`; events already accepted stay on their own",
                )
            )
    return tuple(faults)
