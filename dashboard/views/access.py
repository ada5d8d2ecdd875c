"""Signing in and out, the first administrator, and the password asked for again."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import UsernameField
from django.contrib.auth.signals import user_login_failed
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse, reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme

from activity.queries import recent_failures
from activity.types import ActivityType
from dashboard import access
from dashboard import set_up as set_up_link
from dashboard.forms import ConfirmForm, SetUpForm
from dashboard.requests import Request

WINDOW = timedelta(minutes=15)
MOST_FAILURES_OF_USER = 5  # from one address
MOST_FAILURES_OF_ADDRESS = 20
LONGEST_NAME = 1000


def is_limited(username: str, address: str, at: datetime) -> bool:
    """Whether so many sign-ins failed of late that no password is looked at. The activity log is the counter."""
    kind, since = ActivityType.USER_LOGIN_FAILED, at - WINDOW
    name = str(UsernameField().to_python(username.replace("\0", "")[:LONGEST_NAME]))  # as the form will take it
    return (
        recent_failures(kind, since, source_ip=address) >= MOST_FAILURES_OF_ADDRESS
        or recent_failures(kind, since, source_ip=address, actor_name=name) >= MOST_FAILURES_OF_USER
    )


class SignIn(LoginView):
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        address = request.META.get("REMOTE_ADDR", "")
        if is_limited(request.POST.get("username", ""), address, datetime.now(UTC)):
            return _limited(request)
        return super().post(request, *args, **kwargs)


class SignOut(LogoutView):
    http_method_names = ["post", "options"]


class ChangePassword(PasswordChangeView):
    """Other sessions of the user end; this one goes on."""

    template_name = "registration/password.html"
    success_url = reverse_lazy("overview")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_limited(request.user.get_username(), request.META.get("REMOTE_ADDR", ""), datetime.now(UTC)):
            return _limited(request)
        return super().post(request, *args, **kwargs)

    def form_invalid(self, form: Any) -> HttpResponse:
        if "old_password" in form.errors:
            _count_failure(self.request)
        return super().form_invalid(form)

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your password is changed; your other sessions have ended.")
        return super().form_valid(form)


@login_not_required
def set_up(request: Request, token: str) -> HttpResponse:
    """Makes the first administrator; the link works once."""
    if not set_up_link.is_open(token):
        raise Http404
    form = SetUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = form.save()
        set_up_link.close()
        login(request, user)
        return redirect("overview")
    return render(request, "registration/set_up.html", {"form": form})


def confirm(request: Request) -> HttpResponse:
    """Asks for the password before something that matters, then goes on to it."""
    to = request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(to, allowed_hosts=None):
        to = resolve_url("overview")
    username, address = request.user.get_username(), request.META.get("REMOTE_ADDR", "")
    if request.method == "POST" and is_limited(username, address, datetime.now(UTC)):
        return _limited(request)
    form = ConfirmForm(request.user, request.POST or None)
    if request.method == "POST":
        if form.is_valid():
            access.remember_confirmation(request)
            return redirect(to)
        _count_failure(request)
    return render(request, "registration/confirm.html", {"form": form})


@login_not_required
@access.only(lambda user: user.is_staff or not user.is_authenticated)
def admin_sign_in(request: Request) -> HttpResponse:
    """Where Django admin sends those it does not let in: a visitor signs in, a user without the role is refused."""
    return redirect(f"{reverse('login')}?{urlencode({'next': request.GET.get('next', '')})}")


def _limited(request: HttpRequest) -> HttpResponse:
    response = render(request, "registration/limited.html", {"minutes": WINDOW.seconds // 60}, status=429)
    response["Retry-After"] = str(WINDOW.seconds)
    return response


def _count_failure(request: HttpRequest) -> None:
    user_login_failed.send(__name__, credentials={"username": request.user.get_username()}, request=request)
