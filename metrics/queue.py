"""The one door to django-q2's queue."""

from django_q.tasks import async_task

from activity.context import current


def enqueue(task: str, *ids: int, cluster: str | None = None) -> None:
    """Have a cluster run `metrics.tasks.<task>` with these ids, for the request that asks, and keep no result."""
    request_id = current().request_id
    async_task(f"metrics.tasks.{task}", *ids, request_id=request_id, cluster=cluster, save=False)  # type: ignore[no-untyped-call]
