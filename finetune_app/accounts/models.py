"""Users, workspaces, members, API tokens, and the token for the hub."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person who signs in."""


class Workspace(models.Model):
    """Who owns things. Every dataset, base model, job and adapter belongs to exactly one."""

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    last_job_number = models.PositiveIntegerField(default=0)
    max_running_jobs = models.PositiveSmallIntegerField(
        null=True, help_text="At a time; null: as many as workers take."
    )
    last_job_started_at = models.DateTimeField(null=True, help_text="When a worker last took one of its jobs.")
    created_at = models.DateTimeField(auto_now_add=True)
    members: "models.ManyToManyField[User, Membership]" = models.ManyToManyField(User, through="Membership")

    def __str__(self) -> str:
        return self.slug


class Role(models.TextChoices):
    """What a member may do; each role may do what those before it may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"


class Membership(models.Model):
    """A user's role in a workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.EDITOR)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="one_role_per_member")]

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace}"


class ApiToken(models.Model):
    """A bearer token of one member for one workspace; only its SHA-256 is kept."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="api_tokens")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    start = models.CharField(max_length=12, help_text="The first characters, to tell tokens apart.")
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.start}…)"


class HubToken(models.Model):
    """The token with which a workspace writes to the Hugging Face hub; see `hub_token.py`."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="hub_token")
    sealed = models.TextField(help_text="Its text as `sealing.seal` gives it.")
    end = models.CharField(max_length=4, help_text="The last characters, to tell tokens apart.")
    set_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    set_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"hub token of {self.workspace} (…{self.end})"
