"""What higher rooms may want to do when a session begins or ends, in the same transaction.

The house (`app/__init__.py`) connects them; this room knows nobody above it.
"""

from blinker import Namespace

_signals = Namespace()

session_started = _signals.signal("session_started")
"""sent with operator_id=int, session_id=int: the operator's other sessions are already ended"""

session_ended = _signals.signal("session_ended")
"""sent with operator_id=int, session_id=int, reason=str; reason is "displaced" when the same person signed in elsewhere"""
