"""The registry: a folder with a folder a version, which never changes once it is there."""

import shutil
import tempfile
from hashlib import sha256
from pathlib import Path

import msgspec

from tallystick.durable import replace_file, sync_folder
from tallystick.errors import Corrupt, Refused
from tallystick.watch.detect.models.version import (
    Manifest,
    Model,
    is_version,
    shipped,
    version_of,
)

CONFIG, ARTEFACTS, CARD = "config.json", "artefacts", "card.md"
_MANIFEST = msgspec.json.Decoder(Manifest)


class Registry:
    """Versions under `folder`; made when the first one is saved.

    `config.json` is the manifest whose hash is the version, and it has the hash of each artefact:
    a version that was changed is not loaded. `card.md` is for people, and not hashed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, model: Model, card: str = "") -> str:
        """Keep a version and give its name; one that is there stays as it is.

        Raises:
            Corrupt: it is there, and was changed.
        """
        version = model.version
        if (self._folder / version).is_dir():
            self.load(version)
            return version
        self._folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=self._folder, prefix=f".{version}."))
        try:
            (aside / ARTEFACTS).mkdir()
            for name, data in model.artefacts.items():
                replace_file(aside / ARTEFACTS / name, data)
            replace_file(aside / CARD, card.encode())
            replace_file(aside / CONFIG, model.manifest.canonical)
            sync_folder(aside)
            aside.rename(self._folder / version)
        except OSError:
            shutil.rmtree(aside, ignore_errors=True)
            if not (self._folder / version).is_dir():  # nobody else saved it at this moment
                raise
        sync_folder(self._folder)
        return version

    def load(self, version: str) -> Model:
        """The version, as it was saved.

        Raises:
            Refused: `UNKNOWN_MODEL`.
            Corrupt: it was changed.
        """
        manifest = self.manifest(version)
        folder = self._folder / version / ARTEFACTS
        try:
            artefacts = {name: (folder / name).read_bytes() for name in sorted(manifest.artefacts)}
        except OSError as error:
            raise Corrupt(f"Model {version} lacks an artefact: {error}.") from error
        for name, data in artefacts.items():
            if sha256(data).hexdigest() != manifest.artefacts[name]:
                raise Corrupt(f"The artefact {name} of model {version} was changed.")
        return Model(manifest.config, artefacts, manifest.revision)

    def manifest(self, version: str) -> Manifest:
        """What the version is made of, without reading its artefacts.

        Raises:
            Refused: `UNKNOWN_MODEL`.
            Corrupt: it was changed.
        """
        try:
            data = self._file(version, CONFIG)
            manifest = _MANIFEST.decode(data)
        except ValueError as error:
            raise Corrupt(f"The configuration of model {version} cannot be read.") from error
        if version_of(data) != version or manifest.canonical != data:
            raise Corrupt(f"The configuration of model {version} was changed.")
        return manifest

    def card(self, version: str) -> str:
        """What is written about the version, in Markdown; empty where nothing is.

        Raises:
            Refused: `UNKNOWN_MODEL`.
        """
        return self._file(version, CARD).decode("utf-8", "replace")

    def versions(self) -> list[str]:
        """All that are there, oldest first."""
        if not self._folder.is_dir():
            return []
        found = [path for path in self._folder.iterdir() if is_version(path.name)]
        found.sort(key=lambda path: (path.stat().st_mtime_ns, path.name))
        return [path.name for path in found]

    def _file(self, version: str, name: str) -> bytes:
        try:
            if is_version(version):
                return (self._folder / version / name).read_bytes()
        except OSError:
            pass
        raise Refused("UNKNOWN_MODEL", f"There is no model {version[:40]!r}.")


def model_of(registry: Registry, version: str | None) -> tuple[Model, str | None]:
    """The model to run for a version, and a sentence where it is not just that.

    None, and what is shipped, are what is shipped. A version that cannot be loaded must not leave
    the house without eyes: what is shipped runs in its place. One that was made for detectors of
    another release runs with those of this one.
    """
    default = shipped()
    if version is None or version == default.version:
        return default, None
    try:
        model = registry.load(version)
    except (Refused, Corrupt) as error:
        return default, f"{error} The shipped version {default.version} runs in its place."
    here = model.here()
    if here.version == version:
        return model, None
    sentence = (
        f"Model {version} was made for detectors of revision {model.revision}; with those of this"
        f" release it runs as {here.version}."
    )
    return here, sentence
