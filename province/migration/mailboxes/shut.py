"""What makes a Dovecot refuse writes and say why, in the words of its release.

Users' programs read on: mailboxes open read-only, and an alert that every program has to show (RFC 3501, 7.1) says
why. Who delivers is told to keep the message and try later (RFC 5321, 4.2.1: a code that begins with 4), so no sender
loses one. A mark is answered by OK and not kept, which SELECT said before (PERMANENTFLAGS ()). Who administers
(doveadm, dsync) is let through.
"""

from __future__ import annotations

from collections.abc import Mapping

ALERT = (
    "Hộp thư đang được chuyển sang máy chủ mới: đọc được, chưa ghi được. / "
    "Mailboxes are moving to a new server: you can read, and not write yet."
)
LATER = "421 4.3.2 Mailboxes are moving to a new server: keep the message and try again later"
WRITERS = frozenset({"imap", "imap-hibernate", "imap-urlauth-worker", "lmtp", "pop3", "submission"})
"""Services whose processes write to mailboxes; those that are under way end before a side counts as shut."""
SETTINGS = "conf.d/99-province-move.conf"
SAYS = "imap-province-move"
"""The service that tells users why."""
_SAY = f"""#!/bin/sh
printf '* OK [ALERT] %s\\r\\n' '{ALERT}'
exec "$@"
"""
_REFUSE = f"#!/bin/sh\nprintf '%s\\r\\n' '{LATER}'\n"
_SERVICES = """service imap {{
  executable = imap {says}
}}
service {says} {{
  executable = script-login {folder}/province-move-say
  user = {user}
  unix_listener {says} {{
  }}
}}
service lmtp {{
  executable = script -p {folder}/province-move-refuse
}}
"""
_BEFORE_2_4 = """protocol imap {{
  mail_plugins = $mail_plugins acl
}}
protocol pop3 {{
  mail_plugins = $mail_plugins acl
}}
plugin {{
  acl = vfile:{folder}/province-move.acl
  acl_globals_only = yes
}}
"""
_SINCE_2_4 = """protocol imap {{
  mail_plugins {{
    acl = yes
  }}
}}
protocol pop3 {{
  mail_plugins {{
    acl = yes
  }}
}}
acl_driver = vfile
acl_globals_only = yes
acl owner {{
  rights = lr
}}
"""


def files(folder: str, release: tuple[int, ...], user: str) -> Mapping[str, str]:
    """Files by their path below the folder of settings; the settings themselves last, because they name the others.

    `user`: as whom the server runs what needs no rights.
    """
    new = release >= (2, 4)
    settings = "# A move shut these mailboxes (province migrate); it takes this file away again.\n"
    settings += (_SINCE_2_4 if new else _BEFORE_2_4).format(folder=folder)
    settings += _SERVICES.format(folder=folder, user=user, says=SAYS)
    lists = {} if new else {"province-move.acl": "* owner lr\n"}
    return {"province-move-say": _SAY, "province-move-refuse": _REFUSE, **lists, SETTINGS: settings}
