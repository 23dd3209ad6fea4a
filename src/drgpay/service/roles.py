"""Who may ask: the roles, and what is known of a caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from drgpay.ground.errors import Bilingual, both


class Role(StrEnum):
    """What a key or a log-in is for."""

    HOSPITAL = "hospital"  # sees its own cases and published figures of the region
    AGENCY = "agency"  # sees the region
    AUDITOR = "auditor"  # sees the region and the audit log, changes nothing
    KEYS = "keys"  # hands out and revokes keys, sees no figure


WORDS: Mapping[Role, Bilingual] = {
    Role.HOSPITAL: both("医疗机构", "hospital"),
    Role.AGENCY: both("经办机构", "agency"),
    Role.AUDITOR: both("审计", "auditor"),
    Role.KEYS: both("密钥管理", "administrator of keys"),
}

EVERYONE = frozenset(Role)
READERS = frozenset({Role.HOSPITAL, Role.AGENCY, Role.AUDITOR})
REGION = frozenset({Role.AGENCY, Role.AUDITOR})
SAVERS = frozenset({Role.HOSPITAL, Role.AGENCY})  # the auditor reads and leaves nothing
AGENCY = frozenset({Role.AGENCY})
HOSPITAL = frozenset({Role.HOSPITAL})
ADMINISTRATOR = frozenset({Role.KEYS})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: `id` is that of the key or of the log-in, `hospital` empty for other roles."""

    id: str
    role: Role
    name: str
    hospital: str = ""
    by_session: bool = False  # a browser that has logged in, not a key in a header

    def may_see(self, hospital: str) -> bool:
        """Whether figures of one hospital that are not published may be shown."""
        return self.role in REGION or (self.role is Role.HOSPITAL and self.hospital == hospital)
