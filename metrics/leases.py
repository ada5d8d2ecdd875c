"""Which poller process has which servers: a server is one's at a time, and polls of anybody else are not stored."""

from collections.abc import Collection, Iterable, Mapping

from django.conf import settings
from django.db import transaction

from metrics.models import Heartbeat, ServerState
from metrics.models.heartbeat import Instant
from metrics.models.server import ServerStateQuerySet, Transport
from metrics.sites import local_name


def fair(holders: Mapping[int, str], living: Collection[str], me: str) -> tuple[list[int], list[int]]:
    """Which servers `me` takes, of those that nobody living has, and which it has above its fair share."""
    share = -(-len(holders) // len({*living, me}))
    mine = sorted(server for server, holder in holders.items() if holder == me)
    free = sorted(server for server, holder in holders.items() if holder not in {*living, me})
    return free[: max(share - len(mine), 0)], mine[share:]


def take(site: str, me: str, at: Instant) -> tuple[set[int], list[int]]:
    """Take what of the site nobody living has, up to the fair share, and this machine if nobody else here has it.

    Returns the servers that `me` has now, and those of them that are to be given back.
    """
    living = {me, *Heartbeat.objects.living(at).filter(site=site).values_list("holder", flat=True)}
    states = ServerState.objects.filter(server__paused=False, server__site=site)
    remote = dict(states.exclude(server__transport=Transport.LOCAL).values_list("pk", "holder"))
    here = {"server__transport": Transport.LOCAL, "server__hostname": local_name(settings.TOMO["node"])}
    local = dict(states.filter(**here).values_list("pk", "holder"))
    wanted, surplus = fair(remote, living, me)
    wanted += [server for server, holder in local.items() if holder not in living]
    taken = _hand(ServerState.objects.filter(pk__in=wanted).exclude(holder__in=living), me) if wanted else []
    return {server for server, holder in (remote | local).items() if holder == me}.union(taken), surplus


def give_back(servers: Iterable[int], me: str) -> None:
    """Let somebody else take these."""
    _hand(ServerState.objects.filter(pk__in=servers, holder=me), "")


def _hand(states: ServerStateQuerySet, to: str) -> list[int]:
    """Write the holder, but of those that somebody is just storing; rows are locked in the order of ids."""
    with transaction.atomic():
        found = list(states.order_by("pk").select_for_update(skip_locked=True).values_list("pk", flat=True))
        ServerState.objects.filter(pk__in=found).update(holder=to)
    return found
