"""Why something cannot be read, as the end of a sentence for its sender."""


def reason_of(error: Exception) -> str:
    """What a decoder says: `JSON is malformed: trailing comma in array (byte 13)`."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is no UTF-8"
    text = str(error).rstrip(".")
    return text if text[:2].isupper() else text[:1].lower() + text[1:]
