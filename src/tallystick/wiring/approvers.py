"""Who may sign a temporary override of a limit, as the settings say."""

from pathlib import Path

from tallystick.ledger.checkpoint import VerifierKey
from tallystick.wiring.commands.limits import read_approvers_file
from tallystick.wiring.settings import Settings


def approvers_of(settings: Settings) -> tuple[VerifierKey, ...]:
    """The approvers' keys; none where no file is named.

    Raises:
        Misconfigured: the file cannot be used.
    """
    if settings.approvers is None:
        return ()
    return read_approvers_file(Path(settings.approvers).expanduser())
