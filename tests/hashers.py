"""The product's way to hash passwords, without the time that it is meant to take."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2(Argon2PasswordHasher):
    """Argon2 with the least work that it can do."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
