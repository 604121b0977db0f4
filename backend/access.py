"""Who is asking: the user behind a request, and what the user may do.

Owns the roles, which of them a request needs, and how a route learns who sent it. `security` finds out who that is,
from the token, and lets nobody past whose role is too low.
"""

from dataclasses import dataclass
from typing import Annotated, Final, Literal, get_args

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from starlette.types import Scope

from backend.errors import ForbiddenRoleError

Role = Literal["read", "write", "admin"]
"""Each role may do what those before it may. `write` logs runs and annotates everybody's, but adds to none that another
user started; `admin` may do everything."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)

_READING_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_READING_POSTS: Final = frozenset({"/compare", "/agent/query", "/agent/stream", "/mcp", "/mcp/"})
"""What is asked in a body because an address is too short for it. The agent and the tools over MCP change a note with a
request of their own, which needs `write` like any other."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sent a request.

    Attributes:
        user: The name of the token; None where the server asks for none, or for the one of API_TOKEN alone.
        role: What the user may do.
    """

    user: str | None
    role: Role

    def may(self, role: Role) -> bool:
        """Tells whether the user may do what a role may."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def check(self, role: Role) -> None:
        """Raises unless the user may do what a role may.

        Raises:
            ForbiddenRoleError: The user may not.
        """
        if not self.may(role):
            whose = "the token" if self.user is None else f"the token of {self.user!r}"
            raise ForbiddenRoleError(
                f"{whose} has the role {self.role!r}, and this needs {role!r}; "
                f"make one with `python -m backend.tokens create NAME --role {role}`"
            )


ANYONE_HERE: Final = Principal(user=None, role="admin")
"""Who asks a server that wants no token, from its own machine."""


def _principal(request: Request) -> Principal:
    principal: Principal = request.scope["principal"]
    return principal


ThePrincipal = Annotated[Principal, Depends(_principal)]
"""A route's parameter of this type is who sent the request."""


def _wants_token(request: Request) -> bool:
    wants_token: bool = request.scope["wants_token"]
    return wants_token


WantsToken = Annotated[bool, Depends(_wants_token)]
"""A route's parameter of this type tells whether the server asks for a token."""


def route_path(scope: Scope) -> str:
    """Gives the path that a request asks for without the prefix that `--root-path` names."""
    path: str = scope["path"]
    prefix = scope.get("root_path", "").rstrip("/")
    return path[len(prefix) :] if prefix and path.startswith(f"{prefix}/") else path


def role_for(method: str, path: str) -> Role:
    """Gives the least role for a request: `read` for what only asks, `write` for everything else."""
    reads = method in _READING_METHODS or (method == "POST" and path in _READING_POSTS)
    return "read" if reads else "write"


@dataclass(frozen=True, slots=True)
class RoleNeeded:
    """A dependency of a route that needs a higher role than `role_for` says; see `requires`."""

    role: Role

    def __call__(self, principal: ThePrincipal) -> None:
        """Raises `ForbiddenRoleError` unless the request's user has the role."""
        principal.check(self.role)


def requires(role: Role) -> RoleNeeded:
    """Makes the dependency for a route that needs a role, as in `dependencies=[Depends(requires("admin"))]`."""
    return RoleNeeded(role)


def role_needed(method: str, path: str, dependant: Dependant) -> Role:
    """Gives the role that a route needs: what its method and path need, or more where it `requires` more."""
    roles = {role_for(method, path), *_required(dependant)}
    return max(roles, key=ROLES.index)


def _required(dependant: Dependant) -> set[Role]:
    found: set[Role] = {dependant.call.role} if isinstance(dependant.call, RoleNeeded) else set()
    return found.union(*(_required(inner) for inner in dependant.dependencies))
