"""Records what contrib.auth and Django admin do to users, which no code of ours would see otherwise."""

from dataclasses import replace
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.dispatch import receiver

from activity.context import Acting, current
from activity.masking import MASK
from activity.record import record
from activity.types import ActivityType, ActorKind, Result

User = get_user_model()
WATCHED = ("username", "email", "is_active", "is_staff", "is_superuser")


def _as(user: Any) -> Acting:
    return replace(current(), kind=ActorKind.USER, name=user.get_username(), user_id=user.pk)


@receiver(user_logged_in)
def signed_in(user: Any, **_kwargs: Any) -> None:
    record(ActivityType.USER_LOGIN, f"{user} signed in", actor=_as(user))


@receiver(user_logged_out)
def signed_out(user: Any, **_kwargs: Any) -> None:
    if user:
        record(ActivityType.USER_LOGOUT, f"{user} signed out", actor=_as(user))


@receiver(user_login_failed)
def sign_in_failed(credentials: dict[str, Any], **_kwargs: Any) -> None:
    name = str(credentials.get("username", ""))[:150]
    record(
        ActivityType.USER_LOGIN_FAILED,
        f"Sign-in as {name!r} failed",
        result=Result.FAILURE,
        actor=replace(current(), kind=ActorKind.USER, name=name, user_id=None),
    )


@receiver(pre_save, sender=User)
@receiver(pre_save, sender=Group)
def remember(sender: Any, instance: Any, raw: bool = False, **_kwargs: Any) -> None:
    is_new = raw or instance._state.adding
    instance._before = None if is_new else sender._default_manager.filter(pk=instance.pk).first()


@receiver(post_save, sender=User)
def user_saved(instance: Any, created: bool, raw: bool = False, **_kwargs: Any) -> None:
    if raw:
        return
    if created:
        details = {"is_superuser": instance.is_superuser, "is_staff": instance.is_staff}
        record(ActivityType.USER_CREATED, f"User {instance} created", details={"user": str(instance)} | details)
    elif changes := _changes(instance):
        record(ActivityType.USER_UPDATED, f"User {instance} changed", details={"user": str(instance)} | changes)


def _changes(user: Any) -> dict[str, dict[str, Any]]:
    """Before and after of what changed; a password shows only that it did."""
    before = user._before
    if before is None:
        return {}
    changed = [name for name in WATCHED if getattr(before, name) != getattr(user, name)]
    values = {
        "before": {name: getattr(before, name) for name in changed},
        "after": {name: getattr(user, name) for name in changed},
    }
    if before.password != user.password:
        values["after"]["password"] = MASK
    return values if values["after"] else {}


@receiver(post_delete, sender=User)
def user_deleted(instance: Any, **_kwargs: Any) -> None:
    record(ActivityType.USER_DELETED, f"User {instance} deleted", details={"user": str(instance)})


@receiver(post_save, sender=Group)
def role_saved(instance: Any, created: bool, raw: bool = False, **_kwargs: Any) -> None:
    """Made, or given another name: what a role may do goes by its name."""
    before, details = instance._before, {"role": str(instance)}
    if created and not raw:
        record(ActivityType.ROLE_CHANGED, f"Role {instance} created", details=details)
    elif before and before.name != instance.name:
        names = {"before": {"name": before.name}, "after": {"name": instance.name}}
        record(ActivityType.ROLE_CHANGED, f"Role {before} renamed to {instance}", details=details | names)


@receiver(post_delete, sender=Group)
def role_deleted(instance: Group, **_kwargs: Any) -> None:
    record(ActivityType.ROLE_CHANGED, f"Role {instance} deleted", details={"role": str(instance)})


@receiver(m2m_changed, sender=Group.permissions.through)
def role_changed(instance: Any, action: str, model: Any, pk_set: set[int] | None, **_kwargs: Any) -> None:
    """A right that a role, and with it all its users, was given or lost."""
    if isinstance(instance, Group) and (given := _given(instance.permissions, action, model, pk_set)):
        record(ActivityType.ROLE_CHANGED, f"Role {instance} changed", details={"role": str(instance)} | given)


@receiver(m2m_changed, sender=User.groups.through)
@receiver(m2m_changed, sender=User.user_permissions.through)
def rights_changed(instance: Any, action: str, model: Any, pk_set: set[int] | None, **_kwargs: Any) -> None:
    """A role or a right that a user was given or lost."""
    if isinstance(instance, User):
        held = instance.groups if model is Group else instance.user_permissions
        if given := _given(held, action, model, pk_set):
            details = {"user": str(instance)} | given
            record(ActivityType.USER_UPDATED, f"User {instance} changed", details=details)


def _given(held: Any, action: str, model: Any, pk_set: set[int] | None) -> dict[str, list[str]]:
    """What was given or taken, by name; nothing for the other steps of the same change."""
    if action not in ("post_add", "post_remove", "pre_clear"):
        return {}
    names = sorted(str(one) for one in (held.all() if action == "pre_clear" else model.objects.filter(pk__in=pk_set)))
    return {"given" if action == "post_add" else "taken": names} if names else {}
