"""What people fill in."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import BaseUserCreationForm
from django.core.exceptions import ValidationError

from dashboard import access, tokens
from dashboard.models import ApiToken, Scope
from metrics import keys, sealing
from metrics.models import Server, Tag
from metrics.models.credential import Credential, CredentialKind
from metrics.servers import ADDRESS, Secret

KEEP = "keep"


class TagsField(forms.CharField):
    """Names separated by commas or spaces."""

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        return sorted({name for name in str(value or "").replace(",", " ").split() if name})

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def validate(self, value: Any) -> None:
        for name in value:
            Tag._meta.get_field("name").clean(name, None)


class SecretTextarea(forms.Textarea):
    """Takes a secret and, like a password field, never shows it again."""

    def format_value(self, value: Any) -> None:
        return None


class ServerForm(forms.ModelForm[Server]):
    """A server with its credential, which goes in and never comes out again."""

    tags = TagsField(required=False, help_text="Separated by commas, such as production, frankfurt.")
    credential = forms.ChoiceField(
        choices=CredentialKind.choices, initial=CredentialKind.GENERATED, widget=forms.RadioSelect
    )
    private_key = forms.CharField(
        required=False,
        strip=False,
        label="Private key",
        widget=SecretTextarea(attrs={"rows": 5, "autocomplete": "off", "spellcheck": "false"}),
        help_text="The whole file, from -----BEGIN to the last -----. It is stored encrypted and never shown again.",
    )
    passphrase = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Only if the key is encrypted. The passphrase itself is not kept.",
    )
    password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Stored encrypted and never shown again.",
    )

    class Meta:
        model = Server
        fields = ("name", "hostname", "port", "username", "site", "tags", "notes", "paused")
        widgets = {"notes": forms.Textarea(attrs={"rows": 3})}
        labels = {"hostname": "Address"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.secret: Secret | None = None
        self.has_credential = bool(self.instance.pk) and Credential.objects.filter(server=self.instance).exists()
        if self.instance.pk:
            self.initial["tags"] = [tag.name for tag in self.instance.tags.all()]
        else:
            del self.fields["paused"]
        if self.has_credential:
            choices = [(KEEP, f"Keep: {self.instance.credential.get_kind_display().lower()}"), *CredentialKind.choices]
            self.fields["credential"].choices = choices  # type: ignore[attr-defined]
            self.initial["credential"] = KEEP
        if not self.instance.is_dialled:
            for name in (*ADDRESS, "site", "credential", "private_key", "passphrase", "password"):
                del self.fields[name]

    def clean_hostname(self) -> str:
        return str(self.cleaned_data["hostname"]).strip().lower()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        match cleaned.get("credential"):
            case CredentialKind.GENERATED:
                self.secret = Secret.generated()
            case CredentialKind.KEY:
                self._take_key(cleaned)
            case CredentialKind.PASSWORD if cleaned.get("password"):
                self.secret = Secret.from_password(cleaned["password"])
            case CredentialKind.PASSWORD:
                self.add_error("password", "Enter the password of the account.")
            case "keep" if self._has_moved(cleaned):
                self._check_kept()
        return cleaned

    def _check_kept(self) -> None:
        """Whether the stored credential may go along to another address."""
        if self.instance.credential.kind == CredentialKind.PASSWORD:
            self.add_error(
                "credential", "The password belongs to the address before: choose “A password” and enter it again."
            )
            return
        try:
            self.instance.credential.open()
        except sealing.Unreadable as wrong:
            self.add_error("credential", str(wrong))

    def _take_key(self, cleaned: dict[str, Any]) -> None:
        if not cleaned.get("private_key"):
            self.add_error("private_key", "Paste the private key.")
            return
        try:
            self.secret = Secret.from_key(cleaned["private_key"], cleaned.get("passphrase", ""))
        except keys.NeedsPassphrase as wrong:
            self.add_error("passphrase", str(wrong))
        except keys.WrongKey as wrong:
            self.add_error("private_key", str(wrong))

    def _has_moved(self, cleaned: dict[str, Any]) -> bool:
        return any(name in cleaned and name in self.changed_data for name in ADDRESS)


class TokenForm(forms.Form):
    """The wish for a token; only scopes are offered that its owner has the role for."""

    name = forms.CharField(
        max_length=tokens.LONGEST_NAME,
        help_text="What it is for, such as grafana; the activity log calls it so.",
    )
    scopes = forms.MultipleChoiceField(label="What it may do", widget=forms.CheckboxSelectMultiple)
    tag = forms.ModelChoiceField(
        Tag.objects.all(),
        required=False,
        label="Servers",
        empty_label="All servers",
        help_text="Or only those with a tag.",
    )
    network = forms.CharField(
        required=False,
        max_length=50,
        help_text="From where it works: 10.0.0.0/8, 2001:db8::/32, one address. Empty: from anywhere.",
    )
    lifetime = forms.TypedChoiceField(
        choices=[("30", "30 days"), (tokens.USUAL_DAYS, "90 days"), ("365", "1 year"), (tokens.NEVER, "Never")],
        initial=tokens.USUAL_DAYS,
        label="Expires after",
        coerce=tokens.lifetime,
        widget=forms.RadioSelect,
    )

    def __init__(self, owner: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner
        offered = [(scope.value, scope.label) for scope in Scope if access.may_use(owner, scope)]
        self.fields["scopes"].choices = offered  # type: ignore[attr-defined]

    def make(self, at: datetime) -> tuple[ApiToken, str] | None:
        """The token and its text; None if there cannot be such a one, which the fields then tell."""
        try:
            return tokens.create(owner=self.owner, at=at, **self.cleaned_data)
        except ValidationError as wrong:
            self.add_error(None, wrong)
            return None


class SetUpForm(BaseUserCreationForm):  # type: ignore[type-arg]
    """The first administrator."""

    class Meta(BaseUserCreationForm.Meta):
        model = get_user_model()
        fields = ("username",)

    def save(self, commit: bool = True) -> Any:  # Django's signature
        self.instance.is_staff = self.instance.is_superuser = True
        return super().save(commit)


class ConfirmForm(forms.Form):
    """The password again."""

    password = forms.CharField(
        strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True})
    )

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        if not self.user.check_password(password):
            raise forms.ValidationError("That is not your password.")
        return password
