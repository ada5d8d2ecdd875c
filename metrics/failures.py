"""Why a server could not be read, in one word, and what to do about it. Pure."""

from enum import StrEnum


class Reason(StrEnum):
    DNS = "dns"
    ADDRESS_REFUSED = "address_refused"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    NO_BANNER = "no_banner"
    NO_AGREEMENT = "no_agreement"
    HOST_KEY_CHANGED = "host_key_changed"
    AUTH_FAILED = "auth_failed"
    NO_CREDENTIAL = "no_credential"
    DISCONNECTED = "disconnected"
    COMMAND_FAILED = "command_failed"
    TOO_SLOW = "too_slow"
    BAD_ANSWER = "bad_answer"


REMEDIES = {
    Reason.DNS: "The name {where} cannot be resolved: check its spelling and this machine's DNS.",
    Reason.ADDRESS_REFUSED: "{where} leads to an address that is never dialled: enter the server's own address.",
    Reason.REFUSED: "Nothing listens at {where}: check that sshd runs, and the port.",
    Reason.UNREACHABLE: "There is no way to {where}: check the address, the route and the firewall.",
    Reason.TIMEOUT: "{where} did not answer in time: check that the server is up and that no firewall drops packets.",
    Reason.NO_BANNER: "What listens at {where} is not an SSH server: check the port.",
    Reason.NO_AGREEMENT: "{where} offers no encryption that is safe today: update its SSH server.",
    Reason.HOST_KEY_CHANGED: "{where} shows another host key than the confirmed one, so nothing was sent. If the server"
    " was reinstalled, accept the new key; if not, somebody may be in between.",
    Reason.AUTH_FAILED: "{where} did not accept the sign-in: check the user, and that the key is in its"
    " authorized_keys.",
    Reason.NO_CREDENTIAL: "There is no usable credential for {where}: edit the server and give one.",
    Reason.DISCONNECTED: "{where} closed the connection: check its sshd log.",
    Reason.COMMAND_FAILED: "{where} did not start the probe: the account needs a shell, or the probe as its forced"
    " command.",
    Reason.TOO_SLOW: "{where} did not finish its answer in time: check its load and hung mounts.",
    Reason.BAD_ANSWER: "{where} gave an answer that is not the probe's: check what its shell start-up files print.",
}

STAYS_UNTIL_MENDED = frozenset({Reason.HOST_KEY_CHANGED})
"""Failures after which a server is not tried again before an administrator did something."""

IS_REFUSED_SIGN_IN = frozenset({Reason.AUTH_FAILED, Reason.NO_CREDENTIAL})
"""Failures that trying again soon makes worse: sshd and fail2ban punish it."""


class Failure(Exception):
    """A poll that did not work. `where` is the address as a person writes it, `logins` how often it signed in."""

    def __init__(self, reason: Reason, where: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        self.logins = 0
        self.explanation = REMEDIES[reason].format(where=where) + (f" ({detail})" if detail else "")
        super().__init__(self.explanation)
