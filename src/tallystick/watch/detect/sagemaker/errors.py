"""What goes wrong in a container, in the words that SageMaker shows to its user."""

from tallystick.errors import PermanentError


class ClientError(PermanentError):
    """What the user of the container gave it cannot work; its sentence is shown to the user.

    `status` is that of the HTTP answer where it was a request.
    """

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status
