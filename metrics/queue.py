"""The one door to django-q2's queue."""

from django_q.tasks import async_task


def enqueue(task: str, *ids: int, cluster: str | None = None) -> None:
    """Have a cluster run `metrics.tasks.<task>` with these ids, and keep nothing of its result."""
    async_task(f"metrics.tasks.{task}", *ids, cluster=cluster, save=False)  # type: ignore[no-untyped-call]
