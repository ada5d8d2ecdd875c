"""Tokens: the list, making one, which is shown once, and revoking."""

from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from dashboard import access, tokens
from dashboard.forms import TokenForm
from dashboard.models import ApiToken
from dashboard.requests import Request
from dashboard.token_table import token_rows


def token_list(request: Request) -> HttpResponse:
    rows = token_rows(ApiToken.objects.visible_to(request.user), datetime.now(UTC))
    return render(request, "tokens/list.html", {"rows": rows, "most_a_minute": tokens.MOST_A_MINUTE})


@access.confirmed
def add(request: Request) -> HttpResponse:
    form = TokenForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid() and (made := form.make(datetime.now(UTC))):
        token, text = made
        return render(request, "tokens/made.html", {"token": token, "text": text})  # here alone: no redirect carries it
    return render(request, "tokens/form.html", {"form": form})


@access.confirmed
def revoke(request: Request, token_id: int) -> HttpResponse:
    token = get_object_or_404(ApiToken.objects.visible_to(request.user), pk=token_id)
    if request.method == "POST":
        tokens.revoke(token, datetime.now(UTC))
        messages.success(request, f"{token.name} is revoked.")
        return redirect("tokens")
    return render(request, "tokens/revoke.html", {"token": token})
